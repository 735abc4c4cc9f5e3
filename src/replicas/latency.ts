/** A mean that follows the last few dozen values. */
export class Latency {
  #meanMs = 0;

  get meanMs(): number {
    return this.#meanMs;
  }

  add(ms: number): void {
    this.#meanMs = this.#meanMs === 0 ? ms : this.#meanMs + (ms - this.#meanMs) / 32;
  }
}
