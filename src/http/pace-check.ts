const lookMs = 1000;
/** Whatever a body takes less than is not judged: networks stall. */
const graceMs = 5000;

interface Arrival {
  readonly since: number;
  bytes: number;
  readonly fail: () => void;
}

/**
 * Finds the bodies that arrive so slowly that somebody seems to hold connections on purpose. One timer looks at all of
 * them, because most are here before it ever would.
 */
export class PaceCheck {
  readonly #bytesPerSecondMin: number;
  readonly #arrivals = new Set<Arrival>();
  #timer: NodeJS.Timeout | undefined;

  constructor(bytesPerSecondMin: number) {
    this.#bytesPerSecondMin = bytesPerSecondMin;
  }

  /** Whoever receives the body counts its bytes. `fail` is called at most once, and has to delete it. */
  add(fail: () => void): Arrival {
    const arrival = { since: performance.now(), bytes: 0, fail };
    this.#arrivals.add(arrival);
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref();
    return arrival;
  }

  delete(arrival: Arrival): void {
    this.#arrivals.delete(arrival);
  }

  #look(): void {
    const now = performance.now();
    for (const { since, bytes, fail } of [...this.#arrivals]) {
      const elapsedMs = now - since;
      if (elapsedMs >= graceMs && bytes < (elapsedMs / 1000) * this.#bytesPerSecondMin) fail();
    }
    if (this.#arrivals.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
