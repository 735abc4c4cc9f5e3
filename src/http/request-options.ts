import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type ClockToken, parseClockToken } from "../clock-token.ts";
import { StoreError } from "../errors.ts";
import type { WriteRequest } from "../partition.ts";
import { parseReadConcern, parseWriteConcern, type ReadConcern, type WriteConcern } from "../replicas/concern.ts";
import type { ReadOptions, WriteOptions } from "../store-types.ts";
import { writeCondition } from "./conditions.ts";
import type { Exchange } from "./exchange.ts";
import { preferredWait } from "./prefer.ts";
import type { Query } from "./query.ts";

const noOptions: ReadOptions = {};

/** `?r=`, `Kvasir-Clock` and `Prefer: wait`. @throws StoreError `invalid_query`, `invalid_header`. */
export function readOptions(exchange: Exchange): ReadOptions {
  const readConcern = readReadConcern(exchange.query);
  const clock = readClock(exchange.raw);
  if (clock === undefined) return readConcern === undefined ? noOptions : { readConcern };
  return { ...(readConcern && { readConcern }), clock, ...readWait(exchange) };
}

/**
 * `?w=`, `Kvasir-Clock`, `If-Match`, `If-None-Match` and `Prefer: wait`.
 *
 * @throws StoreError `invalid_query`, `invalid_header`.
 */
export function writeOptions(exchange: Exchange): WriteOptions {
  const { raw, query } = exchange;
  const writeConcern = readWriteConcern(query);
  const clock = readClock(raw);
  const condition = writeCondition(raw.headers["if-match"], raw.headers["if-none-match"]);
  return {
    ...(writeConcern && { writeConcern }),
    ...(clock && { clock }),
    ...(condition && { condition }),
    ...(writeConcern !== undefined && writeConcern !== 1 && readWait(exchange)),
  };
}

/** `Idempotency-Key`, `undefined` when there is none. @throws StoreError `invalid_header`. */
export function readRequestId({ headers }: IncomingMessage): string | undefined {
  const id = headers["idempotency-key"];
  if (id === undefined || (typeof id === "string" && /^[\x21-\x7e]{1,255}$/.test(id))) return id;
  throw new StoreError("invalid_header", "Idempotency-Key is not 1 to 255 visible ASCII characters, given once");
}

/** The request `id` with a digest of all that makes two requests the same. */
export function writeRequest(
  id: string,
  payload: { readonly [name: string]: unknown },
  body: Uint8Array,
): WriteRequest {
  const digest = createHash("sha256").update(JSON.stringify(payload)).update("\n").update(body).digest("base64url");
  return { id, digest };
}

/** Called where there is something to wait for: then the preference counts as applied. */
function readWait(exchange: Exchange): { waitMs?: number } {
  const seconds = preferredWait(exchange.raw);
  if (seconds === undefined) return {};
  exchange.applied = `wait=${seconds}`;
  return { waitMs: seconds * 1000 };
}

function readReadConcern(query: Query): ReadConcern | undefined {
  const text = query.get("r");
  if (text === undefined) return undefined;
  const concern = parseReadConcern(text);
  if (concern === undefined) throw new StoreError("invalid_query", "r is none of home, quorum and all");
  return concern;
}

function readWriteConcern(query: Query): WriteConcern | undefined {
  const text = query.get("w");
  if (text === undefined) return undefined;
  const concern = parseWriteConcern(text);
  if (concern === undefined) throw new StoreError("invalid_query", "w is neither a number from 1, quorum nor all");
  return concern;
}

function readClock({ headers }: IncomingMessage): ClockToken | undefined {
  const text = headers["kvasir-clock"];
  if (text === undefined) return undefined;
  const clock = typeof text === "string" ? parseClockToken(text) : undefined;
  if (clock === undefined) throw new StoreError("invalid_header", "Kvasir-Clock is not what an earlier answer gave");
  return clock;
}
