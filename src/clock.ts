import type { Runtime } from "./runtime.ts";
import { stampAt } from "./version.ts";

/** A version more than this ahead of the wall clock comes from a broken one, and is not followed. */
const futureLimitMs = 60_000;

/**
 * A hybrid logical clock (Kulkarni, Demirbas and others, 2014). Wall clocks step and differ, so by themselves
 * they would give a later write an earlier stamp. This one is never behind any version that it was shown, and
 * never gives one stamp twice; otherwise it keeps to the wall clock.
 */
export class HybridClock {
  readonly #runtime: Runtime;
  #last = 0n;
  /** How many versions from the future were ignored. */
  ignored = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A stamp greater than every one given or observed before. */
  tick(): bigint {
    const wall = stampAt(this.#runtime.now());
    this.#last = wall > this.#last ? wall : this.#last + 1n;
    return this.#last;
  }

  /** Takes note of a stamp that was read, so that the next tick exceeds it. */
  observe(stamp: bigint): void {
    if (stamp <= this.#last) return;
    if (stamp > stampAt(this.#runtime.now() + futureLimitMs)) this.ignored++;
    else this.#last = stamp;
  }
}
