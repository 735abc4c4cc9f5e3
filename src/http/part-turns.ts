/**
 * Large answers that are due at once are handed over by so many parts in each turn of the event loop, so that other
 * requests come in between: the system takes a fraction of a millisecond to copy a part of 64 KiB, which with a thousand answers makes seconds.
 */
export class PartTurns {
  readonly #perTurn: number;
  #left: number;
  #isDue = false;
  readonly #waiting: (() => void)[] = [];

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
    this.#left = perTurn;
  }

  /** `undefined` when a part may be handed over at once, else resolves when it may. */
  take(): Promise<void> | undefined {
    this.#renewLater();
    if (this.#left === 0) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#left--;
    return undefined;
  }

  #renewLater(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      const next = this.#waiting.splice(0, this.#perTurn);
      this.#left = this.#perTurn - next.length;
      for (const go of next) go();
      if (this.#waiting.length > 0) this.#renewLater();
    });
  }
}
