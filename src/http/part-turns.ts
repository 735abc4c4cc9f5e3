/** How many that wait are asked in one turn of the event loop whether there is time left. */
const askedMax = 64;

/**
 * Large answers that are due at once are handed over part by part, for so many milliseconds of each turn of the event
 * loop, so that other requests come in between: the system takes 0.03 to 0.5 ms to copy a part of 64 KiB, which with a
 * thousand answers makes seconds. At least one part goes in each turn.
 */
export class PartTurns {
  readonly #turnMs: number;
  readonly #elapsed: () => number;
  /** When the first part of this turn was handed over. */
  #begunAt: number | undefined;
  readonly #waiting: (() => void)[] = [];
  #asked = 0;

  /** `elapsed` gives monotonic milliseconds. */
  constructor(turnMs: number, elapsed: () => number) {
    this.#turnMs = turnMs;
    this.#elapsed = elapsed;
  }

  /** `undefined` when a part may be handed over at once, else resolves when it may. */
  take(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#hasTime()) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#askLater();
    });
  }

  #hasTime(): boolean {
    const now = this.#elapsed();
    if (this.#begunAt !== undefined) return now - this.#begunAt < this.#turnMs;
    this.#begunAt = now;
    setImmediate(this.#endTurn);
    return true;
  }

  readonly #endTurn = () => {
    this.#begunAt = undefined;
  };

  /** One immediate for each: before the next one is run, the part that this one lets go has been handed over. */
  #askLater(): void {
    if (this.#asked >= Math.min(this.#waiting.length, askedMax)) return;
    this.#asked++;
    setImmediate(this.#ask);
  }

  readonly #ask = () => {
    this.#asked--;
    if (this.#waiting.length > 0 && this.#hasTime()) this.#waiting.shift()!();
    this.#askLater();
  };
}
