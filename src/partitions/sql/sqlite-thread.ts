import { parentPort, workerData } from "node:worker_threads";
import { PartitionError, smallBytesMax } from "../../partition.ts";
import type { Record } from "../../record.ts";
import { SqlPartition } from "./sql-partition.ts";
import { SqliteDatabase } from "./sqlite-database.ts";
import {
  type Answer,
  type Call,
  receivedWrites,
  type SentError,
  type SentWrites,
  sentApplied,
  type ThreadOptions,
} from "./sqlite-messages.ts";

/** The thread that owns a SQLite file for writing: answers the calls of `SqlitePartition`, in their order. */

const { name, file } = workerData as ThreadOptions;
const partition = new SqlPartition(name, new SqliteDatabase(name, file));

parentPort?.on("message", async ({ id, method, parameters }: Call) => {
  let answer: Answer;
  try {
    answer = {
      id,
      result: method === "write" ? await write(parameters[0] as SentWrites) : await call(method, parameters),
    };
  } catch (error) {
    answer = { id, error: sentError(error) };
  }
  parentPort?.postMessage(answer, method === "read" ? movedValues(answer.result as (Record | undefined)[]) : []);
});

async function call(method: Call["method"], parameters: readonly unknown[]): Promise<unknown> {
  // biome-ignore lint/complexity/noBannedTypes: the caller's types are those of Partition.
  return sendable(await (partition[method] as Function).apply(partition, parameters));
}

async function write(sent: SentWrites): Promise<unknown> {
  const outcomes = await partition.write(receivedWrites(sent));
  return sentApplied(outcomes) ?? sendable(outcomes);
}

/** A structured clone of an error loses its class and fields, so they travel by themselves. */
function sentError(error: unknown): SentError {
  if (error instanceof PartitionError) {
    const { kind, outcome, reason, attempted } = error;
    return { kind, outcome, reason, attempted };
  }
  return {
    kind: undefined,
    outcome: "not_applied",
    reason: error instanceof Error ? (error.stack ?? "") : "",
    attempted: [],
  };
}

/** The memory of large values that were read, each of which has its own: it is moved, not copied. */
function movedValues(records: readonly (Record | undefined)[] = []): ArrayBuffer[] {
  const large = records.filter((record) => record !== undefined && record.value.length > smallBytesMax);
  return [...new Set(large.map((record) => record!.value.buffer as ArrayBuffer))];
}

function sendable(result: unknown): unknown {
  if (!Array.isArray(result)) return result;
  return result.map((member) =>
    member?.kind === "failed" ? { kind: "failed", error: sentError(member.error) } : member,
  );
}
