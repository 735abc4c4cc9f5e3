export interface ClientOptions {
  /** Where the server is, such as `http://127.0.0.1:7070`; with a path when a proxy puts it below one. */
  readonly url: string;
  /** Sent with every request, such as `Authorization`. */
  readonly headers?: { readonly [name: string]: string };
  /** How long a call may take, repetitions included. @default 15000 */
  readonly timeoutMs?: number;
  /** How often a request is repeated at most, where that is safe. @default 3 */
  readonly retries?: number;
  /**
   * Whether writes carry an `Idempotency-Key`, so that one whose answer was lost can be repeated and is applied once.
   * Without it such a write fails with `mayHaveApplied`, and the server keeps a row less for a day. @default true
   */
  readonly idempotent?: boolean;
  /** @default globalThis.fetch */
  readonly fetch?: typeof globalThis.fetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface ReadOptions extends CallOptions {
  /** How many replicas are asked. @default "home" */
  readonly r?: "home" | "quorum" | "all" | undefined;
}

export interface WriteOptions extends CallOptions {
  /** How many replicas confirm the write. @default 1 */
  readonly w?: number | "quorum" | "all" | undefined;
  /** Only when the key has this version; `*`: only when it is there. */
  readonly ifMatch?: string | undefined;
  /** Only when the key has another version; `*`: only when it is not there. */
  readonly ifNoneMatch?: string | undefined;
  /** In place of one that the client draws. */
  readonly idempotencyKey?: string | undefined;
  readonly idempotent?: boolean | undefined;
}

/** Everything of a value besides itself. What is not given is gone. */
interface Description {
  /** The media type; by default that of text, bytes or JSON. */
  readonly type?: string | undefined;
  /** Time to live: seconds, or `500ms`, `60s`, `5m`, `2h`, `7d`. */
  readonly ttl?: number | string | undefined;
  /** When it expires; instead of `ttl`. */
  readonly expires?: Date | undefined;
  /** Visible ASCII, 2 KiB in all. Names are kept in lower case. */
  readonly metadata?: Metadata | undefined;
}

export type Metadata = { readonly [name: string]: string };

export interface PutOptions extends WriteOptions, Description {}

/** A condition is the update's own. Metadata and expiry that are not given stay as they are. */
export interface UpdateOptions extends Omit<PutOptions, "ifMatch" | "ifNoneMatch" | "idempotencyKey"> {
  readonly r?: ReadOptions["r"];
  /** How often it is tried when other writers come between. @default 10 */
  readonly attempts?: number | undefined;
}

export interface ListOptions extends CallOptions {
  readonly prefix?: string | undefined;
  /** Keys that have it behind the prefix are rolled up into one of a page's `prefixes`. */
  readonly delimiter?: string | undefined;
  /** Inclusive. */
  readonly start?: string | undefined;
  /** Exclusive. */
  readonly end?: string | undefined;
  readonly reverse?: boolean | undefined;
  /** Keys in one page, of at most 1000. @default 100 */
  readonly pageSize?: number | undefined;
  /** The `cursor` of the page before, to go on behind it. */
  readonly cursor?: string | undefined;
}

/** Text, bytes, or anything that `JSON.stringify` takes. A string is text: give a type if it is JSON already. */
export type NewValue = string | Uint8Array<ArrayBuffer> | ArrayBuffer | number | boolean | null | object;

export type Operation =
  | { readonly op: "get"; readonly key: string }
  | ({ readonly op: "put"; readonly key: string; readonly value: NewValue } & Conditions & Description)
  | ({ readonly op: "delete"; readonly key: string } & Conditions);

type Conditions = Pick<WriteOptions, "ifMatch" | "ifNoneMatch">;

export type BatchOptions = Pick<WriteOptions, "w" | "idempotencyKey" | "idempotent"> & ReadOptions;
