import type { PartitionError, PartitionErrorKind, WriteOutcome } from "../../partition.ts";
import type { SqlPartition } from "./sql-partition.ts";

/** What travels between `SqlitePartition` and its thread. */

export interface ThreadOptions {
  readonly name: string;
  readonly file: string;
}

export interface Call {
  readonly id: number;
  readonly method: Exclude<keyof SqlPartition, "name">;
  readonly parameters: readonly unknown[];
}

export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: SentError;
}

export interface SentError {
  /** `undefined` for a fault in the program. */
  readonly kind: PartitionErrorKind | undefined;
  readonly outcome: PartitionError["outcome"];
  readonly reason: string;
  readonly attempted: readonly (WriteOutcome | undefined)[];
}
