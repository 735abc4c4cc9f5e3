import { groupOf } from "./address-group.ts";

const windowMs = 60_000;
/** Beyond, those whose window began first are forgotten. */
const addressesMax = 10_000;

interface Window {
  readonly since: number;
  failures: number;
}

/** Counts the wrong tokens that came from each address, a minute at a time. */
export class Attempts {
  readonly #failuresMax: number;
  readonly #elapsed: () => number;
  /** In the order in which the windows began. */
  readonly #windows = new Map<string, Window>();

  /** `elapsed` gives monotonic milliseconds. */
  constructor(failuresMax: number, elapsed: () => number) {
    this.#failuresMax = failuresMax;
    this.#elapsed = elapsed;
  }

  /** For how many seconds nothing that this address says is looked at; 0 when it may try. */
  blockedFor(address: string): number {
    const window = this.#windows.get(groupOf(address));
    if (window === undefined || window.failures < this.#failuresMax) return 0;
    return Math.max(0, Math.ceil((window.since + windowMs - this.#elapsed()) / 1000));
  }

  /** Whether this failure is the one with which the address is blocked. */
  fail(address: string): boolean {
    const group = groupOf(address);
    const now = this.#elapsed();
    let window = this.#windows.get(group);
    if (window === undefined || now >= window.since + windowMs) {
      this.#windows.delete(group);
      window = { since: now, failures: 0 };
      this.#windows.set(group, window);
      if (this.#windows.size > addressesMax) this.#windows.delete(this.#windows.keys().next().value!);
    }
    window.failures++;
    return window.failures === this.#failuresMax;
  }
}
