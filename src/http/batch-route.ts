import { createHash } from "node:crypto";
import { z } from "zod";
import { type ClockToken, formatClockToken, withWrite } from "../clock-token.ts";
import { StoreError } from "../errors.ts";
import { checkKey } from "../key.ts";
import type { Logger } from "../log.ts";
import type { Condition } from "../partition.ts";
import type { Store } from "../store.ts";
import type { ReadOptions, WriteOptions, WriteResult } from "../store-types.ts";
import { formatVersion } from "../version.ts";
import type { Grant } from "./auth-grant.ts";
import type { BodyReader } from "./body.ts";
import { writeCondition } from "./conditions.ts";
import type { Route } from "./exchange.ts";
import { bodyBytesMax, newContent, newValueMembers, parseBody } from "./new-value.ts";
import { asStoreError } from "./problem-answer.ts";
import { checkParameters } from "./query.ts";
import { renderRecord } from "./representations/record.ts";
import { readOptions, readRequestId, writeOptions, writeRequest } from "./request-options.ts";
import type { ServerOptions } from "./server-options.ts";

const key = z.string();
const conditions = { ifMatch: z.string().optional(), ifNoneMatch: z.string().optional() };
const operation = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("get"), key }),
  z.strictObject({ op: z.literal("put"), key, ...newValueMembers, ...conditions }),
  z.strictObject({ op: z.literal("delete"), key, ...conditions }),
]);
type Operation = z.infer<typeof operation>;

/**
 * `POST /batch`: reads and writes with a status of their own each. Those of one key happen in their order, the rest
 * at once; none fails another. A body in which any of them is malformed is refused as a whole.
 */
export function batching(store: Store, options: ServerOptions, bodies: BodyReader, log: Log): Route["handle"] {
  return async (exchange) => {
    const { raw, query } = exchange;
    checkParameters(query, ["format", "r", "w"]);
    if (!/^application\/(?:[^;]+\+)?json *(?:;|$)/i.test(raw.headers["content-type"] ?? "application/json")) {
      throw new StoreError("body_type_unsupported", "a batch is application/json");
    }
    const reads = readOptions(exchange);
    const { condition, ...writes } = writeOptions(exchange);
    if (condition !== undefined) {
      throw new StoreError("invalid_header", "a batch has no condition; give ifMatch and ifNoneMatch to its members");
    }
    const id = readRequestId(raw);
    const valueBytesMax = Math.min(options.valueBytesMax, store.valueBytesMax);
    const bytesMax = bodyBytesMax(valueBytesMax);
    const schema = z.array(operation).max(options.batchMax, `at most ${options.batchMax} operations are allowed`);
    const operations = parseBody(await bodies.read(exchange, bytesMax), schema, "batch");
    // It came as one request, but is worth as many as it has members.
    exchange.grant.allowance?.spend(Math.max(0, operations.length - 1));

    const batch = new Batch({
      store,
      log,
      grant: exchange.grant,
      limits: { ...options, valueBytesMax },
      reads,
      writes,
      id,
      bytesMax,
    });
    const results = await batch.run(operations);
    return {
      status: 200,
      headers: {
        "Content-Type": "application/json",
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        ...(batch.clock && { "Kvasir-Clock": formatClockToken(batch.clock) }),
      },
      body: `{"results":[${results.join(",")}]}`,
    };
  };
}

type Log = Pick<Logger, "error">;

interface BatchOptions {
  readonly store: Store;
  readonly log: Log;
  readonly grant: Grant;
  readonly limits: ServerOptions;
  readonly reads: ReadOptions;
  readonly writes: WriteOptions;
  /** The batch's `Idempotency-Key`. */
  readonly id: string | undefined;
  /** Of values in the answer. */
  readonly bytesMax: number;
}

class Batch {
  readonly #options: BatchOptions;
  #answerBytesLeft: number;
  /** What the client knows after the writes so far. */
  clock: ClockToken | undefined;

  constructor(options: BatchOptions) {
    this.#options = options;
    this.#answerBytesLeft = options.bytesMax;
    this.clock = options.writes.clock;
  }

  /** The results as JSON, in the order of the operations. */
  async run(operations: readonly Operation[]): Promise<string[]> {
    const results: string[] = [];
    const ofKeys = Map.groupBy(operations.entries(), ([, { key }]) => key);
    await Promise.all(
      Array.from(ofKeys.values(), async (ofKey) => {
        for (const [index, operation] of ofKey) results[index] = await this.#result(index, operation);
      }),
    );
    return results;
  }

  async #result(index: number, operation: Operation): Promise<string> {
    try {
      checkKey(operation.key);
      this.#options.grant.check(operation.op === "get" ? "read" : "write", operation.key);
      return operation.op === "get" ? await this.#get(operation.key) : await this.#write(index, operation);
    } catch (thrown) {
      const error = asStoreError(thrown);
      if (error.code === "internal") this.#options.log.error({ err: thrown }, "a member of a batch failed");
      const { status, code, message, details } = error;
      return JSON.stringify({ ...details, status, code, detail: message });
    }
  }

  async #get(key: string): Promise<string> {
    const record = await this.#options.store.get(key, this.#options.reads);
    if (record === undefined) throw new StoreError("not_found", "nothing is stored under this key");
    this.#answerBytesLeft -= record.value.length;
    if (this.#answerBytesLeft < 0) {
      throw new StoreError("value_too_large", "the values of this batch are too large for one answer; GET this one");
    }
    return `{"status":200,${String(renderRecord("json", record).body).slice(1)}`;
  }

  async #write(index: number, operation: Exclude<Operation, { op: "get" }>): Promise<string> {
    const options = this.#writeOptions(index, operation);
    if (operation.op === "delete") {
      const result = await this.#options.store.delete(operation.key, options);
      return this.#written(204, operation.key, result);
    }
    const result = await this.#options.store.put(operation.key, newContent(operation, this.#options.limits), options);
    return this.#written(result.existed === false ? 201 : 204, operation.key, result);
  }

  #writeOptions(index: number, operation: Exclude<Operation, { op: "get" }>): WriteOptions {
    const condition = readCondition(operation.ifMatch, operation.ifNoneMatch);
    const { id, writes } = this.#options;
    const request = id === undefined ? undefined : memberRequest(id, index, operation);
    return { ...writes, ...(condition && { condition }), ...(request && { request }) };
  }

  #written(status: number, key: string, { version, existed, confirmed, replicas, clock }: WriteResult): string {
    const hash = clock.writes.at(-1)?.hash;
    if (hash !== undefined) this.clock = withWrite(this.clock, hash, version);
    return JSON.stringify({ status, key, version: formatVersion(version), existed, confirmed, replicas });
  }
}

/** As in the headers, or a bare version as the results of a batch give it. */
function readCondition(ifMatch: string | undefined, ifNoneMatch: string | undefined): Condition | undefined {
  const quoted = (text: string | undefined) =>
    text === undefined || text.includes('"') || text.trim() === "*" ? text : `"${text}"`;
  return writeCondition(quoted(ifMatch), quoted(ifNoneMatch));
}

/** Each member is a request of its own, known by the batch's id and its place. */
function memberRequest(batchId: string, index: number, operation: Operation) {
  const id = createHash("sha256").update(`${index} ${batchId}`).digest("base64url");
  return writeRequest(id, operation, new Uint8Array(0));
}
