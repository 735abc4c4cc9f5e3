import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import { StoreError } from "../errors.ts";
import { checkKey } from "../key.ts";
import type { Store } from "../store.ts";
import type { NewContent, WriteOptions } from "../store-types.ts";
import type { BodyReader } from "./body.ts";
import type { Route } from "./exchange.ts";
import { keyHref } from "./key-href.ts";
import { readMetadata } from "./metadata.ts";
import { bodyBytesMax, checkShape, newContent, newValueMembers, parseBody } from "./new-value.ts";
import { checkParameters, parseForm } from "./query.ts";
import { readRequestId, writeOptions, writeRequest } from "./request-options.ts";
import type { ServerOptions } from "./server-options.ts";
import { parseTtl } from "./ttl.ts";
import { storedAnswer } from "./write-answer.ts";

const newRecord = z.strictObject({ key: z.string().optional(), ...newValueMembers });
type NewRecord = z.infer<typeof newRecord>;

/** `POST /kv`: creates a value, and never replaces one. Without a key the server chooses one. */
export function creating(store: Store, options: ServerOptions, bodies: BodyReader): Route["handle"] {
  return async (exchange) => {
    const { raw, query } = exchange;
    checkParameters(query, ["format", "w", "ttl"]);
    const { condition, ...chosen } = writeOptions(exchange);
    if (condition !== undefined) {
      throw new StoreError("invalid_header", "POST never replaces a value, and has no other condition; use PUT");
    }
    const id = readRequestId(raw);
    const ttl = parseTtl(raw.headers["x-ttl"] as string | undefined, query.get("ttl"));
    const metadata = readMetadata(raw, options.metadataBytesMax);
    const valueBytesMax = Math.min(options.valueBytesMax, store.valueBytesMax);
    const body = await bodies.read(exchange, bodyBytesMax(valueBytesMax));

    const given = readRecord(raw.headers["content-type"], body);
    const key = given.key ?? chooseKey(id);
    checkKey(key);
    exchange.grant.check("write", key);
    const content = withHeaders(newContent(given, { ...options, valueBytesMax }), metadata, ttl);
    const payload = { method: "POST", type: raw.headers["content-type"], metadata, ttl };
    const result = await create(store, key, content, {
      ...chosen,
      // No other write can have a key that was just drawn, so that its home need not be there to decide.
      ...(given.key !== undefined && { condition: { ifNoneMatch: "*" } }),
      ...(id !== undefined && { request: writeRequest(id, payload, body) }),
    });
    return storedAnswer(201, result, { Location: keyHref(key) });
  };
}

function readRecord(contentType: string | undefined, body: Uint8Array): NewRecord {
  const type = (contentType ?? "").split(";")[0]!.trim().toLowerCase();
  if (type === "application/json" || type.endsWith("+json")) return parseBody(body, newRecord, "body");
  if (type === "application/x-www-form-urlencoded") {
    return checkShape(Object.fromEntries(parseForm(readText(body), "invalid_body")), newRecord, "body");
  }
  const message = "POST takes application/json or application/x-www-form-urlencoded";
  throw new StoreError("body_type_unsupported", message);
}

function readText(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new StoreError("invalid_body", "the form is not UTF-8");
  }
}

/** A retry with the same `Idempotency-Key` has to find the key of the first attempt. */
function chooseKey(requestId: string | undefined): string {
  const bytes = requestId === undefined ? randomBytes(16) : createHash("sha256").update(`POST ${requestId}`).digest();
  return bytes.subarray(0, 16).toString("base64url");
}

function withHeaders(content: NewContent, metadata: string, ttl: number | undefined): NewContent {
  const isTwice = (metadata !== "" && content.metadata !== "") || (ttl !== undefined && content.expires !== 0);
  if (isTwice) throw new StoreError("invalid_body", "metadata or ttl is given in the body and beside it; give it once");
  return {
    ...content,
    metadata: metadata || content.metadata,
    expires: ttl === undefined ? content.expires : Date.now() + ttl,
  };
}

async function create(store: Store, key: string, content: NewContent, options: WriteOptions) {
  try {
    return await store.put(key, content, options);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "precondition_failed") throw error;
    const message = "the key already exists; PUT replaces its value";
    throw new StoreError("key_exists", message, { details: error.details, cause: error });
  }
}
