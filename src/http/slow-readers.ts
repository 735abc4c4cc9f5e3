import type { Server, Socket } from "node:net";
import { StoreError } from "../errors.ts";

const lookMs = 1000;
/** When there is no room for an answer, clients that have taken nothing for so long make some. */
const patienceMs = 2000;

interface SlowReaderLimits {
  readonly answerBudgetBytes: number;
  readonly answerTimeoutMs: number;
}

/** What a connection has taken, and since when it has not taken more. */
interface Stall {
  readonly takenBytes: number;
  readonly since: number;
}

/**
 * Cuts off clients that do not take what they asked for, because until they do it stays in memory. One timer looks at all
 * connections, so that an answer that is taken at once costs nothing. Large answers, which `send.ts` hands over in
 * parts, also have a budget: what does not fit gets 503, unless others that have stalled can be cut off for it.
 */
export class SlowReaders {
  readonly #limits: SlowReaderLimits;
  readonly #elapsed: () => number;
  readonly #sockets = new Set<Socket>();
  readonly #stalls = new Map<Socket, Stall>();
  /** Bytes of large answers, by connection. */
  readonly #held = new Map<Socket, number>();
  #heldBytes = 0;

  /** `elapsed` gives monotonic milliseconds. */
  constructor(limits: SlowReaderLimits, elapsed: () => number) {
    this.#limits = limits;
    this.#elapsed = elapsed;
  }

  /** Looks after the connections of `server`, which an `event` tells of, until it is closed. */
  watch(server: Server, event: "connection" | "secureConnection"): void {
    server.on(event, (socket: Socket) => this.add(socket));
    const timer = setInterval(() => this.look(), lookMs).unref();
    server.once("close", () => clearInterval(timer));
  }

  /** How many connections are open. */
  get connections(): number {
    let count = 0;
    for (const socket of this.#sockets) if (!socket.destroyed) count++;
    return count;
  }

  /**
   * That it is closed shows when it is looked at. A listener for `close` would be the second that stays, after Node's own:
   * with it, from some moment on, all objects of each request outlived the collection of young garbage, which then
   * took ten times as long, a third of the time of a GET.
   */
  add(socket: Socket): void {
    this.#sockets.add(socket);
  }

  /**
   * Takes room for a large answer, which whoever sends it has to `release`.
   *
   * @throws StoreError `overloaded` when there is none.
   */
  hold(socket: Socket, bytes: number): void {
    // One alone may be larger than the budget.
    while (this.#heldBytes > 0 && this.#heldBytes + bytes > this.#limits.answerBudgetBytes) {
      if (!this.#cutSlowest()) {
        throw new StoreError("overloaded", "too many bytes of answers are on their way already; try again");
      }
    }
    if (!this.#sockets.has(socket)) return;
    this.#held.set(socket, (this.#held.get(socket) ?? 0) + bytes);
    this.#heldBytes += bytes;
  }

  release(socket: Socket, bytes: number): void {
    const held = this.#held.get(socket);
    if (held === undefined) return;
    this.#heldBytes -= bytes;
    if (held === bytes) this.#held.delete(socket);
    else this.#held.set(socket, held - bytes);
  }

  /** What the timer does. */
  look(): void {
    const now = this.#elapsed();
    let bytes = 0;
    for (const socket of this.#sockets) {
      if (socket.destroyed) {
        this.#forget(socket);
        continue;
      }
      const waitingBytes = socket.writableLength;
      if (waitingBytes === 0) {
        this.#stalls.delete(socket);
        continue;
      }
      bytes += Math.max(waitingBytes, this.#held.get(socket) ?? 0);
      const takenBytes = socket.bytesWritten - waitingBytes;
      const stall = this.#stalls.get(socket);
      if (stall?.takenBytes !== takenBytes) this.#stalls.set(socket, { takenBytes, since: now });
      else if (now - stall.since >= this.#limits.answerTimeoutMs) this.#cut(socket);
    }
    // Many small answers that nobody takes are as much as a few large ones.
    while (bytes > this.#limits.answerBudgetBytes) {
      const cutBytes = this.#cutSlowest();
      if (!cutBytes) break;
      bytes -= cutBytes;
    }
  }

  /** Gives how many bytes wait no longer; 0 when every client is taking its answer. */
  #cutSlowest(): number {
    const latest = this.#elapsed() - patienceMs;
    let slowest: Socket | undefined;
    let earliest = Number.POSITIVE_INFINITY;
    for (const [socket, { since }] of this.#stalls) {
      if (since > latest || since >= earliest) continue;
      slowest = socket;
      earliest = since;
    }
    if (slowest === undefined) return 0;
    const bytes = Math.max(slowest.writableLength, this.#held.get(slowest) ?? 0, 1);
    this.#cut(slowest);
    return bytes;
  }

  #cut(socket: Socket): void {
    this.#forget(socket);
    socket.destroy();
  }

  #forget(socket: Socket): void {
    this.#sockets.delete(socket);
    this.#stalls.delete(socket);
    this.#heldBytes -= this.#held.get(socket) ?? 0;
    this.#held.delete(socket);
  }
}
