import type { Hint } from "../partition.ts";
import type { Runtime } from "../runtime.ts";

/** Records set aside at once; beyond, the oldest is tried again sooner. */
const recordsMax = 1000;
const firstDelayMs = 10_000;
const lastDelayMs = 600_000;

export interface SetAsideRecord {
  readonly source: string;
  readonly target: string;
  readonly key: string;
  /** What the target said. */
  readonly reason: string;
}

interface Entry extends SetAsideRecord {
  readonly delayMs: number;
  readonly retryAt: number;
}

/** What a target has refused: left out of the rounds for a while, longer each time. The hints stay where they are. */
export class SetAside {
  readonly #runtime: Runtime;
  readonly #entries = new Map<string, Entry>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get list(): readonly SetAsideRecord[] {
    return [...this.#entries.values()].map(({ source, target, key, reason }) => ({ source, target, key, reason }));
  }

  add(source: string, { target, key }: Hint, reason: string): void {
    const id = idOf(source, target, key);
    const delayMs = Math.min(lastDelayMs, (this.#entries.get(id)?.delayMs ?? firstDelayMs / 2) * 2);
    this.#entries.delete(id);
    this.#entries.set(id, { source, target, key, reason, delayMs, retryAt: this.#runtime.elapsed() + delayMs });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > recordsMax && oldest !== undefined) this.#entries.delete(oldest);
  }

  /** Whether the hint is to be left out now. */
  has(source: string, { target, key }: Hint): boolean {
    if (this.#entries.size === 0) return false;
    const entry = this.#entries.get(idOf(source, target, key));
    return entry !== undefined && this.#runtime.elapsed() < entry.retryAt;
  }

  /** Called when a delivery has succeeded after all. */
  forget(source: string, { target, key }: Hint): void {
    if (this.#entries.size > 0) this.#entries.delete(idOf(source, target, key));
  }
}

function idOf(source: string, target: string, key: string): string {
  return `${source}\0${target}\0${key}`;
}
