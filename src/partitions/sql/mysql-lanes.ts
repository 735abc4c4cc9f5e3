import { PartitionError } from "../../partition.ts";
import type { MysqlConnection } from "./mysql-connection.ts";

/** A server that ended no call for so much of the longest wait is taken for one that answers nothing. */
const stallShare = 0.25;
/** Calls that wait for a lane; one more is refused as `overloaded`. The layer above sends batches, so few wait. */
const waitingMax = 1024;

interface Waiting {
  start(connection: MysqlConnection | undefined): void;
  fail(error: PartitionError): void;
}

/**
 * A fixed number of connections, opened when first needed and replaced when lost. A lane that is free takes the
 * next waiting call.
 *
 * Where no connection can be opened, everything that waits fails at once with the same error: it would only meet
 * it one after the other.
 */
export class MysqlLanes {
  readonly #name: string;
  readonly #size: number;
  readonly #waitMs: number;
  readonly #connect: () => Promise<MysqlConnection>;
  readonly #isWanted: (connection: MysqlConnection) => boolean;
  readonly #idle: MysqlConnection[] = [];
  readonly #lent = new Set<MysqlConnection>();
  readonly #waiting = new Set<Waiting>();
  /** Lanes that are open, opening or lent. */
  #busy = 0;
  /** How often this was closed: it may be used again. */
  #closings = 0;
  /** When (`performance.now`) a call last ended with its connection still good. */
  #answeredAt = Number.NEGATIVE_INFINITY;

  /** An idle connection that is not `isWanted` any more is replaced. */
  constructor(
    name: string,
    size: number,
    waitMs: number,
    connect: () => Promise<MysqlConnection>,
    isWanted: (connection: MysqlConnection) => boolean,
  ) {
    this.#name = name;
    this.#size = size;
    this.#waitMs = waitMs;
    this.#connect = connect;
    this.#isWanted = isWanted;
  }

  /**
   * Lends a connection to `use`.
   *
   * @throws PartitionError `unreachable`, `refused`, or `overloaded` when it waited too long while others had their
   * turn. When none has ended for a while, the server answers nothing, which makes it `unreachable`.
   */
  async lend<T>(use: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    const closings = this.#closings;
    let connection = await this.#take();
    try {
      connection ??= await this.#open(closings);
      this.#lent.add(connection);
      return await use(connection);
    } finally {
      this.#give(connection);
    }
  }

  /** Everything that waits or is under way fails with `reason`; idle connections say goodbye. */
  async close(reason: string): Promise<void> {
    this.#closings++;
    this.#failWaiting(new PartitionError("unreachable", this.#name, reason));
    for (const connection of this.#lent) connection.destroy(reason);
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
  }

  // --- Internal helpers ---

  /** A lane: with its connection, or `undefined` where one is to be opened. */
  #take(): Promise<MysqlConnection | undefined> | MysqlConnection | undefined {
    if (this.#busy < this.#size) {
      this.#busy++;
      return this.#idleConnection();
    }
    if (this.#waiting.size >= waitingMax) {
      throw new PartitionError("overloaded", this.#name, `${waitingMax} calls are waiting for it already`);
    }
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
      };
      const waiting: Waiting = {
        start: (connection) => {
          end();
          resolve(connection);
        },
        fail: (error) => {
          end();
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        const isAnswering = performance.now() - this.#answeredAt < this.#waitMs * stallShare;
        const message = isAnswering
          ? `its ${this.#size} connections are lent to others for more than ${this.#waitMs} ms`
          : `none of its ${this.#size} connections became free within ${this.#waitMs} ms`;
        waiting.fail(new PartitionError(isAnswering ? "overloaded" : "unreachable", this.#name, message));
      }, this.#waitMs);
      this.#waiting.add(waiting);
    });
  }

  /** For a call that came after so many `closings`. */
  async #open(closings: number): Promise<MysqlConnection> {
    try {
      const connection = await this.#connect();
      // Nobody else would close it, and an open socket keeps the process alive.
      if (closings !== this.#closings) connection.destroy("it was closed meanwhile");
      return connection;
    } catch (error) {
      if (error instanceof PartitionError) this.#failWaiting(error);
      throw error;
    }
  }

  #give(connection: MysqlConnection | undefined): void {
    if (connection !== undefined) {
      this.#lent.delete(connection);
      if (!connection.isLost) {
        this.#answeredAt = performance.now();
        this.#idle.push(connection);
      }
    }
    const [next] = this.#waiting;
    if (next === undefined) this.#busy--;
    else next.start(this.#idleConnection());
  }

  /** The one used last, whose statements are the likeliest to be prepared. */
  #idleConnection(): MysqlConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      if (connection.isLost) continue;
      if (this.#isWanted(connection)) return connection;
      void connection.close();
    }
  }

  #failWaiting(error: PartitionError): void {
    for (const waiting of [...this.#waiting]) waiting.fail(error);
  }
}
