import { StoreError } from "../errors.ts";
import type { Record } from "../record.ts";
import type { Store } from "../store.ts";
import type { WriteOptions } from "../store-types.ts";
import type { Answer } from "./answer.ts";
import type { BodyReader } from "./body.ts";
import { readPrecondition } from "./conditions.ts";
import type { Exchange } from "./exchange.ts";
import { storedType } from "./media-type.ts";
import { readMetadata } from "./metadata.ts";
import { acceptPatch, applyPatch } from "./patches.ts";
import { methodNotAllowed } from "./problem-answer.ts";
import { checkParameters } from "./query.ts";
import { readOptions, readRequestId, writeOptions, writeRequest } from "./request-options.ts";
import type { ServerOptions } from "./server-options.ts";
import { parseTtl } from "./ttl.ts";
import { valueAnswer } from "./value-answer.ts";
import { storedAnswer, writeHeaders } from "./write-answer.ts";

const methods = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"];
const readParameters = ["key", "format", "r"];
const putParameters = ["key", "format", "w", "ttl"];
const writeParameters = ["key", "format", "w"];

/** What can be done with one key: `/kv/KEY` and `/kv?key=KEY`. */
export class KeyRoutes {
  readonly #store: Store;
  readonly #options: ServerOptions;
  readonly #bodies: BodyReader;

  constructor(store: Store, options: ServerOptions, bodies: BodyReader) {
    this.#store = store;
    this.#options = options;
    this.#bodies = bodies;
  }

  /** @throws StoreError, which becomes a problem document. */
  answer(exchange: Exchange, key: string): Promise<Answer> | Answer {
    switch (exchange.raw.method) {
      case "GET":
      case "HEAD":
        return this.#get(exchange, key);
      case "PUT":
        return this.#put(exchange, key);
      case "PATCH":
        return this.#patch(exchange, key);
      case "DELETE":
        return this.#delete(exchange, key);
      case "OPTIONS":
        return { status: 204, headers: { Allow: methods.join(", "), "Accept-Patch": acceptPatch } };
      default:
        throw methodNotAllowed(exchange.raw.method!, methods);
    }
  }

  #get(exchange: Exchange, key: string): Answer | Promise<Answer> {
    const { query } = exchange;
    if (query.size > 0) checkParameters(query, readParameters);
    const options = readOptions(exchange);
    const record = exchange.isArriving ? this.#store.getArriving(key, options) : this.#store.get(key, options);
    if (record instanceof Promise) return record.then((read) => this.#answerRead(exchange, read));
    return this.#answerRead(exchange, record);
  }

  #answerRead({ raw, query }: Exchange, record: Record | undefined): Answer {
    if (record !== undefined) return valueAnswer(record, raw, query.get("format"));
    if (readPrecondition(raw.headers, undefined, "raw") === "failed") {
      throw new StoreError("precondition_failed", "nothing is stored under this key");
    }
    throw new StoreError("not_found", "nothing is stored under this key");
  }

  async #put(exchange: Exchange, key: string): Promise<Answer> {
    const { raw, query } = exchange;
    const { headers } = raw;
    checkParameters(query, putParameters);
    // RFC 9110, section 14.4: taking a part for the whole would destroy the value.
    if (headers["content-range"] !== undefined) {
      throw new StoreError("invalid_header", "PUT stores whole values; Content-Range is not accepted");
    }
    const ttl = parseTtl(headers["x-ttl"] as string | undefined, query.get("ttl"));
    const metadata = readMetadata(raw, this.#options.metadataBytesMax);
    const options = writeOptions(exchange);
    const id = readRequestId(raw);
    const value = await this.#bodies.read(exchange, this.#valueBytesMax);
    const type = storedType(headers["content-type"], value);
    const expires = ttl === undefined ? 0 : Date.now() + ttl;
    const payload = { key, type: headers["content-type"], metadata, ttl };
    const result = await this.#store.put(
      key,
      { value, type, metadata, expires },
      withRequest(options, exchange, id, payload, value),
    );
    return storedAnswer(result.existed === false ? 201 : 204, result);
  }

  async #patch(exchange: Exchange, key: string): Promise<Answer> {
    const { raw, query } = exchange;
    checkParameters(query, writeParameters);
    if (raw.headers["x-ttl"] !== undefined || readMetadata(raw, Number.POSITIVE_INFINITY) !== "") {
      throw new StoreError("invalid_header", "PATCH keeps metadata and expiry; give them with a PUT");
    }
    const options = writeOptions(exchange);
    const id = readRequestId(raw);
    const patch = await this.#bodies.read(exchange, this.#valueBytesMax);
    const patchType = raw.headers["content-type"];
    const result = await this.#store.update(
      key,
      ({ value, type, metadata, expires }) => {
        const patched = applyPatch(patchType, patch, type, value);
        this.#checkSize(patched);
        return { value: patched, type, metadata, expires };
      },
      withRequest(options, exchange, id, { key, type: patchType }, patch),
    );
    return storedAnswer(204, result);
  }

  async #delete(exchange: Exchange, key: string): Promise<Answer> {
    checkParameters(exchange.query, writeParameters);
    const id = readRequestId(exchange.raw);
    const options = withRequest(writeOptions(exchange), exchange, id, { key }, new Uint8Array(0));
    return { status: 204, headers: writeHeaders(await this.#store.delete(key, options)) };
  }

  #checkSize(value: Uint8Array): void {
    if (value.length <= this.#valueBytesMax) return;
    throw new StoreError("value_too_large", `the patched value has more than the ${this.#valueBytesMax} bytes allowed`);
  }

  get #valueBytesMax(): number {
    return Math.min(this.#options.valueBytesMax, this.#store.valueBytesMax);
  }
}

/** Two requests with one id are the same when method, key, headers that matter and body are. */
function withRequest(
  options: WriteOptions,
  { raw }: Exchange,
  id: string | undefined,
  payload: { readonly [name: string]: unknown },
  body: Uint8Array,
): WriteOptions {
  if (id === undefined) return options;
  return { ...options, request: writeRequest(id, { method: raw.method, ...payload, ...options.condition }, body) };
}
