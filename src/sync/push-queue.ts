import type { Hint } from "../partition.ts";
import type { Record } from "../record.ts";
import type { Replica } from "../replicas/replica.ts";
import type { Runtime } from "../runtime.ts";

/** How long the first record waits for others: so much later replicas get a write, and so much larger batches are. */
const lingerMs = 25;
/**
 * After a delivery the next one waits so many times as long as that took: where everything is busy, deliveries are
 * larger and take a bounded part of the time, which clients need more.
 */
const pauseFactor = 4;
const pauseMsMax = 200;
/** As many as wait do not wait any longer. */
const batchLengthMax = 1024;
const batchBytesMax = 4 * 2 ** 20;
/** Records of one queue at once; beyond, they are left to the handoff rounds, because their hints are in the outbox. */
const recordsMax = 10_000;
const bytesMax = 64 * 2 ** 20;

/**
 * Fresh writes on their way from the replica that took them to another, in batches. A record that is replaced while
 * it waits is not sent at all.
 */
export class PushQueue {
  readonly #source: Replica;
  readonly #target: Replica;
  readonly #runtime: Runtime;
  readonly #onDelivered: (count: number) => void;
  readonly #waiting = new Map<string, Record>();
  #bytes = 0;
  #isRunning = false;

  constructor(source: Replica, target: Replica, runtime: Runtime, onDelivered: (count: number) => void) {
    this.#source = source;
    this.#target = target;
    this.#runtime = runtime;
    this.#onDelivered = onDelivered;
  }

  add(record: Record): void {
    if (!this.#target.isReachable || this.#waiting.size >= recordsMax || this.#bytes > bytesMax) return;
    const replaced = this.#waiting.get(record.key);
    // Answers may come in another order than the writes were decided.
    if (replaced !== undefined && replaced.version.stamp >= record.version.stamp) return;
    this.#bytes += record.value.length - (replaced?.value.length ?? 0);
    this.#waiting.set(record.key, record);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#runtime.after(lingerMs, () => void this.#run());
  }

  /** What cannot be delivered is forgotten here and stays in the outbox. */
  async #run(): Promise<void> {
    const started = this.#runtime.elapsed();
    const records = this.#take();
    try {
      const dropped = await this.#target.use((partition) => partition.apply(records));
      if (dropped === 0) {
        this.#onDelivered(records.length);
        const { name } = this.#target;
        const hints = records.map(({ key, version }): Hint => ({ target: name, key, version, standIn: false }));
        await this.#source.use((partition) => partition.settle(hints));
      }
    } catch {
      if (!this.#target.isReachable) this.#clear();
    }
    if (this.#waiting.size > 0) this.#runtime.after(this.#pauseMs(started), () => void this.#run());
    else this.#isRunning = false;
  }

  #pauseMs(started: number): number {
    if (this.#waiting.size >= batchLengthMax || this.#bytes >= batchBytesMax) return 0;
    const tookMs = this.#runtime.elapsed() - started;
    return Math.min(Math.max(lingerMs, pauseFactor * tookMs), pauseMsMax);
  }

  #take(): Record[] {
    const taken: Record[] = [];
    let bytes = 0;
    for (const [key, record] of this.#waiting) {
      bytes += record.value.length;
      if (taken.length >= batchLengthMax || (taken.length > 0 && bytes > batchBytesMax)) break;
      taken.push(record);
      this.#waiting.delete(key);
      this.#bytes -= record.value.length;
    }
    return taken;
  }

  #clear(): void {
    this.#waiting.clear();
    this.#bytes = 0;
  }
}
