/**
 * Time, chance and timers, handed to everything that uses them, so that the whole protocol also runs in a
 * deterministic simulation.
 */
export interface Runtime {
  /** Wall clock, in whole milliseconds since 1970. It may step. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary start. */
  elapsed(): number;
  /** From 0 up to, not including, 1. */
  random(): number;
  /** Calls `run` once after `delayMs`, unless the function it gives back is called first. */
  after(delayMs: number, run: () => void): () => void;
  /** Calls `run` when the work that is ready now is done. */
  soon(run: () => void): void;
}

/** Drawn many at once, because each draw is a call into the system. */
const randomNumbers = new Uint32Array(1024);
let usedNumbers = randomNumbers.length;

/** The real one. Its timers do not keep the process alive. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  random: () => {
    if (usedNumbers === randomNumbers.length) {
      crypto.getRandomValues(randomNumbers);
      usedNumbers = 0;
    }
    return randomNumbers[usedNumbers++]! / 2 ** 32;
  },
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon: (run) => {
    setImmediate(run);
  },
};

export function sleep(runtime: Runtime, delayMs: number): Promise<void> {
  return new Promise((resolve) => runtime.after(delayMs, resolve));
}
