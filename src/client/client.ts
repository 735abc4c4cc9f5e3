import { type BatchResult, runBatch } from "./batch.ts";
import {
  answeredDescription,
  answeredEntry,
  answeredWrite,
  type Entry,
  entryOf,
  type Listed,
  listedOf,
  type RecordDocument,
  type Written,
} from "./entry.ts";
import { KvasirError } from "./error.ts";
import type {
  BatchOptions,
  CallOptions,
  ClientOptions,
  ListOptions,
  NewValue,
  Operation,
  PutOptions,
  ReadOptions,
  UpdateOptions,
  WriteOptions,
} from "./options.ts";
import { keyPath, parseDocument, queryOf } from "./target.ts";
import { type Request, sleep, Transport } from "./transport.ts";
import { encodeValue } from "./value.ts";

const updateAttempts = 10;
const updateBackOffMs = 10;
const deletePrefixTimeoutMs = 600_000;

export interface ListPage<E extends Listed = Listed> {
  readonly entries: readonly E[];
  readonly prefixes: readonly string[];
  /** Present when the list goes on. */
  readonly cursor: string | undefined;
}

/**
 * A client of one server, or of several behind one address. It reads what it wrote, whichever of them answers.
 * Every method throws {@link KvasirError}, and TypeError for a key or value that no request can carry.
 *
 * @example
 * const kv = new KvasirClient({ url: "http://127.0.0.1:7070" });
 * await kv.put("user/7", { name: "Ann" }, { ttl: "30m" });
 * const user = (await kv.get("user/7"))?.json<{ name: string }>();
 */
export class KvasirClient {
  readonly #options: ClientOptions;
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    if (!/^https?:\/\/[^?#]+$/i.test(options.url)) {
      throw new TypeError(`url: expected http://HOST:PORT, got ${JSON.stringify(options.url)}`);
    }
    this.#options = options;
    this.#transport = new Transport(options);
  }

  /** What this client knows of its writes. Given to another client, that one reads them too; opaque. */
  get clock(): string | undefined {
    return this.#transport.clock;
  }

  set clock(clock: string | undefined) {
    this.#transport.clock = clock;
  }

  /** `undefined` when there is nothing under the key. */
  async get(key: string, options: ReadOptions = {}): Promise<Entry | undefined> {
    try {
      const { headers, bytes } = await this.#send({ method: "GET", path: keyPath(key, { r: options.r }) }, options);
      return answeredEntry(key, headers, bytes);
    } catch (error) {
      if (error instanceof KvasirError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  /** What a list would say of the key; `undefined` when there is nothing under it. */
  async head(key: string, options: ReadOptions = {}): Promise<Listed | undefined> {
    try {
      const { headers } = await this.#send({ method: "HEAD", path: keyPath(key, { r: options.r }) }, options);
      return { ...answeredDescription(key, headers), size: Number(headers.get("content-length")) };
    } catch (error) {
      if (error instanceof KvasirError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Whether there is something under the key. */
  async has(key: string, options: ReadOptions = {}): Promise<boolean> {
    return (await this.head(key, options)) !== undefined;
  }

  /** Stores `value` and replaces everything that was there, also metadata and expiry. */
  async put(key: string, value: NewValue, options: PutOptions = {}): Promise<Written> {
    if (options.expires !== undefined) return this.#putUntil(key, value, options);
    const { body, type } = encodeValue(value, options.type);
    const headers: { [name: string]: string } = { "Content-Type": type, ...conditionHeaders(options) };
    for (const [name, text] of Object.entries(options.metadata ?? {})) headers[`Kvasir-Meta-${name}`] = text;
    const path = keyPath(key, { w: options.w, ttl: options.ttl });
    return answeredWrite((await this.#write({ method: "PUT", path, headers, body }, options)).headers);
  }

  /** Deletes the key; nothing is wrong when it was not there, and `existed` tells. */
  async delete(key: string, options: WriteOptions = {}): Promise<Written> {
    const path = keyPath(key, { w: options.w });
    const headers = conditionHeaders(options);
    return answeredWrite((await this.#write({ method: "DELETE", path, headers }, options)).headers);
  }

  /**
   * Stores what `change` makes of the current value, if nobody else wrote meanwhile; else once more with the value of
   * then, at most `attempts` times. When `change` gives `undefined`, nothing is written.
   *
   * @throws KvasirError `precondition_failed` when others came between each time; whatever `change` throws.
   */
  async update(
    key: string,
    change: (current: Entry | undefined) => NewValue | undefined | Promise<NewValue | undefined>,
    options: UpdateOptions = {},
  ): Promise<Written | undefined> {
    const { attempts = updateAttempts, ...given } = options;
    for (let attempt = 1; ; attempt++) {
      const current = await this.get(key, given);
      const value = await change(current);
      if (value === undefined) return undefined;
      try {
        return await this.put(key, value, {
          ...given,
          metadata: given.metadata ?? current?.metadata,
          expires: given.expires ?? (given.ttl === undefined ? current?.expires : undefined),
          ...(current === undefined ? { ifNoneMatch: "*" } : { ifMatch: current.version }),
        });
      } catch (error) {
        const isLost = error instanceof KvasirError && error.code === "precondition_failed";
        if (!isLost || attempt >= attempts) throw error;
        await sleep(Math.random() * updateBackOffMs * attempt, given.signal);
      }
    }
  }

  /** All keys in the order of their bytes, page by page as they are asked for; with `values: true` all of each. */
  list(options: ListOptions & { readonly values: true }): AsyncGenerator<Entry>;
  list(options?: ListOptions & { readonly values?: false }): AsyncGenerator<Listed>;
  async *list(options: ListOptions & { readonly values?: boolean } = {}): AsyncGenerator<Listed> {
    for await (const page of this.#pages(options)) yield* page.entries;
  }

  /** The same in pages, which also have the common prefixes and a cursor from which another list may go on. */
  pages(options: ListOptions & { readonly values: true }): AsyncGenerator<ListPage<Entry>>;
  pages(options?: ListOptions & { readonly values?: false }): AsyncGenerator<ListPage>;
  pages(options: ListOptions & { readonly values?: boolean } = {}): AsyncGenerator<ListPage> {
    return this.#pages(options);
  }

  /** Reads and writes in one request for each thousand; what one answers does not concern the others. */
  batch(operations: readonly Operation[], options: BatchOptions = {}): Promise<BatchResult[]> {
    return runBatch(operations, options, (request, kind) => {
      if (kind === "read") return this.#send(request, options);
      return this.#write(request, kind === "plain" ? { ...options, idempotent: false } : options);
    });
  }

  /**
   * Deletes all keys that begin with `prefix`, and gives their number. It is not atomic, and never repeated: an error
   * has the number so far in `details.deleted`. An empty prefix needs `{ confirm: "all" }`. It ends with `timeoutMs`, ten
   * minutes unless given.
   */
  async deletePrefix(prefix: string, options: CallOptions & { readonly confirm?: "all" } = {}): Promise<number> {
    const path = `/kv${queryOf({ prefix, confirm: options.confirm })}`;
    const { bytes } = await this.#transport.send(
      { method: "DELETE", path, repeat: "never" },
      { ...options, timeoutMs: options.timeoutMs ?? deletePrefixTimeoutMs },
    );
    return (parseDocument(bytes) as { deleted: number }).deleted;
  }

  async *#pages({ values = false, ...options }: ListOptions & { readonly values?: boolean }): AsyncGenerator<ListPage> {
    const { prefix, delimiter, start, end, reverse, pageSize: limit } = options;
    let { cursor } = options;
    do {
      // A cursor carries the rest.
      const query = cursor === undefined ? { prefix, delimiter, start, end, reverse, values } : { cursor };
      const { bytes } = await this.#send({ method: "GET", path: `/kv${queryOf({ ...query, limit })}` }, options);
      const page = parseDocument(bytes) as { keys: RecordDocument[]; prefixes?: string[]; cursor?: string };
      cursor = page.cursor;
      const entries = page.keys.map((document) => (values ? entryOf(document) : listedOf(document)));
      yield { entries, prefixes: page.prefixes ?? [], cursor };
    } while (cursor !== undefined);
  }

  /** A PUT has a time to live only, which each delay would move; a batch says when. */
  async #putUntil(key: string, value: NewValue, options: PutOptions): Promise<Written> {
    const { type, ttl, expires, metadata, ifMatch, ifNoneMatch, ...rest } = options;
    const operation = { op: "put", key, value, type, ttl, expires, metadata, ifMatch, ifNoneMatch } as const;
    const [result] = await this.batch([operation], rest);
    if (result!.error !== undefined) throw result!.error;
    return result!.written!;
  }

  #send(request: Omit<Request, "repeat">, options: CallOptions) {
    return this.#transport.send({ ...request, repeat: "always" }, options);
  }

  #write(request: Omit<Request, "repeat">, options: Omit<WriteOptions, "w">) {
    const isIdempotent = options.idempotent ?? this.#options.idempotent ?? true;
    const isOptional = options.idempotencyKey === undefined && (options.ifMatch ?? options.ifNoneMatch) === undefined;
    const id = options.idempotencyKey ?? (isIdempotent ? drawId() : undefined);
    return this.#transport.send({ ...request, repeat: "refused", id, isIdOptional: isOptional }, options);
  }
}

function conditionHeaders({ ifMatch, ifNoneMatch }: WriteOptions): { [name: string]: string } {
  const quoted = (version: string) => (version === "*" ? version : `"${version}"`);
  return {
    ...(ifMatch !== undefined && { "If-Match": quoted(ifMatch) }),
    ...(ifNoneMatch !== undefined && { "If-None-Match": quoted(ifNoneMatch) }),
  };
}

/** Not `randomUUID`, which browsers have on secure origins only. */
function drawId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
