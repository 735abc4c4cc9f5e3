import type { PartitionInfo } from "../../partition.ts";

/** What goes into a statement: text is sent as its UTF-8 bytes, an integer beyond 53 bits as a bigint. */
export type Parameter = string | number | bigint | Uint8Array;

/** What comes out: a 64-bit integer is a bigint, a smaller one may be a number; keys, texts and values are bytes. */
export type Cell = bigint | number | Uint8Array | null;
export type Row = readonly Cell[];

/** One connection while it is lent to `read` or `transaction`. */
export interface Session {
  /**
   * Runs one statement with `?` parameters and gives its rows (none for a statement that gives none).
   * Statements are sent at once and answered in order; the same text is prepared once per connection.
   *
   * @throws PartitionError
   */
  execute(sql: string, parameters: readonly Parameter[]): Promise<readonly Row[]>;
}

/** What an engine says of itself, whatever its tables hold. */
export type EngineFacts = Pick<PartitionInfo, "engine" | "durability" | "durabilityNote" | "valueBytesMax">;

/** One database with its connections. `SqlPartition` is written against this; the engines implement it. */
export interface Database {
  /** Which spelling of the statements it understands. */
  readonly dialect: "mysql" | "sqlite";

  /**
   * Connects, and checks what can be checked without a schema (version, modes, limits, durability).
   *
   * @throws PartitionError `unreachable` or `refused`, with the mend in the message.
   */
  open(): Promise<EngineFacts>;

  /** Runs `work` on a connection outside of any transaction: each statement sees what is committed then. */
  read<T>(work: (session: Session) => Promise<T>): Promise<T>;

  /**
   * Runs `work` in a READ COMMITTED transaction and commits it durably. When `work` or any statement fails,
   * everything is rolled back (or the connection destroyed) and the error passed on, with the outcome
   * `not_applied`. When the answer to COMMIT is lost it throws with the outcome `unknown`.
   *
   * A deadlock or lock timeout is retried from the start, a few times: `work` must be repeatable.
   */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;

  /**
   * Runs statements that create or change tables, in their order, however long each takes. One that was run before
   * counts as done, so that all of them may be repeated, also by several programs at once.
   */
  define(statements: readonly string[]): Promise<void>;

  /**
   * Resolves when what was committed before is in force on every server that takes writes of this database. Row locks
   * hold on one member of a cluster alone: a row that others read under a share lock, and that was changed, is known
   * to them only when their member has received it. `look` reads that row; absent where there is one server.
   *
   * @throws PartitionError `overloaded` when one of them cannot be asked now.
   */
  fence?(look: (session: Session) => Promise<unknown>): Promise<void>;

  close(): Promise<void>;
}
