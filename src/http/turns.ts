import type { Socket } from "node:net";

/**
 * Keeps the requests that a client sends on one connection without waiting for answers (pipelining) in their order:
 * only those that change nothing may run at the same time (RFC 9112, section 9.3.2).
 */
export class Turns {
  /** The connection ends with an answer that is given already: what was read behind that request is not run. */
  isOver = false;
  static readonly #ofSockets = new WeakMap<Socket, Turns>();
  #running = 0;
  #isRunningSafe = true;
  readonly #waiting: { readonly isSafe: boolean; readonly go: () => void }[] = [];

  static of(socket: Socket): Turns {
    const known = Turns.#ofSockets.get(socket);
    if (known !== undefined) return known;
    const turns = new Turns();
    Turns.#ofSockets.set(socket, turns);
    return turns;
  }

  /** How many requests of the connection are not answered yet. */
  get length(): number {
    return this.#running + this.#waiting.length;
  }

  /** Whether no request of the connection is under way. */
  get isEmpty(): boolean {
    return this.#running === 0 && this.#waiting.length === 0;
  }

  /** `undefined` when the request may run at once, else resolves when it may. Every `take` needs its `end`. */
  take(isSafe: boolean): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#start(isSafe)) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ isSafe, go: resolve });
    return promise;
  }

  end(): void {
    this.#running--;
    for (let next = this.#waiting[0]; next !== undefined && this.#start(next.isSafe); next = this.#waiting[0]) {
      this.#waiting.shift();
      next.go();
    }
  }

  #start(isSafe: boolean): boolean {
    if (this.#running > 0 && !(isSafe && this.#isRunningSafe)) return false;
    this.#isRunningSafe = isSafe;
    this.#running++;
    return true;
  }
}
