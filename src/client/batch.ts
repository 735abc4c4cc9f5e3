import { type Entry, entryOf, type RecordDocument, type Written } from "./entry.ts";
import { type KvasirError, type ProblemMembers, problemError } from "./error.ts";
import type { BatchOptions, Operation } from "./options.ts";
import { parseDocument, queryOf } from "./target.ts";
import type { Answer, Request } from "./transport.ts";
import { checkText, valueMembers } from "./value.ts";

/** What one operation did. A `get` that found nothing has neither an entry nor an error. */
export interface BatchResult {
  readonly key: string;
  readonly entry?: Entry;
  readonly written?: Written;
  readonly error?: KvasirError;
}

/** `plain`: a write without an `Idempotency-Key`. */
type Send = (request: Omit<Request, "repeat">, kind: "read" | "write" | "plain") => Promise<Answer>;
type Member = { readonly status: number } & RecordDocument & Written & ProblemMembers;

/** As many operations as a server takes at once. */
const operationsMax = 1000;

/** The results in the order of the operations. */
export async function runBatch(
  operations: readonly Operation[],
  options: BatchOptions,
  send: Send,
): Promise<BatchResult[]> {
  const results: BatchResult[] = [];
  for (let at = 0; at < operations.length; at += operationsMax) {
    results.push(...(await runPart(operations.slice(at, at + operationsMax), options, send)));
  }
  return results;
}

async function runPart(operations: readonly Operation[], options: BatchOptions, send: Send): Promise<BatchResult[]> {
  const isRead = operations.every(({ op }) => op === "get");
  const answer = await send(requestOf(operations, options), isRead ? "read" : "write");
  const results = resultsOf(operations, answer);
  if (options.idempotencyKey !== undefined || answer.isRepeated) return results;
  // Only its home takes a write with an id; without one a stand-in does, and these were not applied.
  const refused = [...results.keys()].filter((index) => isRefusedForId(operations[index]!, results[index]!));
  if (refused.length === 0) return results;
  const again = refused.map((index) => operations[index]!);
  const laterResults = resultsOf(again, await send(requestOf(again, options), "plain"));
  for (const [at, index] of refused.entries()) results[index] = laterResults[at]!;
  return results;
}

function isRefusedForId(operation: Operation, { error }: BatchResult): boolean {
  if (operation.op === "get" || error?.code !== "home_unavailable") return false;
  return (operation.ifMatch ?? operation.ifNoneMatch) === undefined;
}

function requestOf(operations: readonly Operation[], { w, r }: BatchOptions): Omit<Request, "repeat"> {
  return {
    method: "POST",
    path: `/batch${queryOf({ w, r })}`,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(operations.map(operationMembers)),
  };
}

function resultsOf(operations: readonly Operation[], { bytes }: Answer): BatchResult[] {
  const { results } = parseDocument(bytes) as { results: Member[] };
  return results.map((member, index) => resultOf(operations[index]!, member));
}

function operationMembers(operation: Operation): { readonly [member: string]: unknown } {
  checkText("the key", operation.key);
  if (operation.op !== "put") return operation;
  return { ...operation, ...valueMembers(operation.value, operation.type) };
}

function resultOf({ op, key }: Operation, member: Member): BatchResult {
  if (op === "get" && member.code === "not_found") return { key };
  if (typeof member.code === "string") return { key, error: problemError(member, op !== "get") };
  if (op === "get") return { key, entry: entryOf(member) };
  const { version, existed, confirmed, replicas } = member;
  return { key, written: { version, existed, confirmed, replicas } };
}
