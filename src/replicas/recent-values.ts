import type { Record } from "../record.ts";
import { compareVersions, type Version } from "../version.ts";

/** For so long after it was read. Whoever repairs a damaged row leaves its version as it was. */
const keptMs = 1000;
/** A value is popular when it is read again within so long: then few are at once, whatever is asked for. */
const popularMs = 50;
/** Of so many keys. */
const keysMax = 1000;

interface Recent {
  readonly at: number;
  readonly record: WeakRef<Record> | undefined;
}

/**
 * Finds large values that are in memory still, because they are being sent to others: whoever asks for one that is popular
 * need not wait until it is read once more, and a thousand who take it slowly have it in memory once. It keeps none
 * in memory itself.
 *
 * Only popular ones can be found. What may be found is not collected with the young garbage: if every value might, they would
 * fill the memory until all of it is collected.
 */
export class RecentValues {
  readonly #elapsed: () => number;
  /** By key, the latest at the end. */
  readonly #recent = new Map<string, Recent>();

  /** `elapsed` gives monotonic milliseconds. */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** The record of `key` that has this version, if it is in memory. */
  find(key: string, version: Version): Record | undefined {
    const recent = this.#recent.get(key);
    if (recent?.record === undefined || this.#elapsed() - recent.at > keptMs) return undefined;
    const record = recent.record.deref();
    return record !== undefined && compareVersions(record.version, version) === 0 ? record : undefined;
  }

  /** Tells that `record` was read. */
  add(record: Record): void {
    const now = this.#elapsed();
    const before = this.#recent.get(record.key);
    const isPopular = before !== undefined && now - before.at <= popularMs;
    this.#recent.delete(record.key);
    this.#recent.set(record.key, { at: now, record: isPopular ? new WeakRef(record) : undefined });
    for (const [key, { at }] of this.#recent) {
      if (now - at <= keptMs && this.#recent.size <= keysMax) break;
      this.#recent.delete(key);
    }
  }
}
