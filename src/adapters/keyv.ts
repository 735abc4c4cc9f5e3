import { type BatchResult, type ClientOptions, KvasirClient, KvasirError, type Operation } from "../client/index.ts";

export interface KvasirStoreOptions extends ClientOptions {
  /** What all keys begin with in Kvasir, so that clearing never touches anything else. @default "keyv/" */
  readonly prefix?: string;
}

interface Item {
  readonly key: string;
  readonly value: string;
  readonly ttl?: number | undefined;
}

type ErrorListener = (error: unknown) => void;

/**
 * A storage adapter for Keyv 5 and for `@keyvhq/core`: entries expire in Kvasir too, and the key `ns:a` is
 * `keyv/ns:a` there. Keyv itself says nothing of a read that failed; its `error` event is told here.
 *
 * @example
 * const cache = new Keyv({ store: new KvasirStore({ url: "http://127.0.0.1:7070" }), namespace: "pages" });
 */
export class KvasirStore {
  readonly client: KvasirClient;
  /** Keyv looks here, and iterates over dialects that it knows alone. */
  readonly opts: { dialect: string; url: string; [name: string]: unknown };
  /** Keyv sets it: `clear` goes no further. */
  namespace?: string | undefined;
  readonly #prefix: string;
  readonly #listeners = new Set<ErrorListener>();

  constructor({ prefix = "keyv/", ...options }: KvasirStoreOptions) {
    this.client = new KvasirClient(options);
    this.opts = { dialect: "mysql", url: options.url };
    this.#prefix = prefix;
  }

  on(event: string, listener: ErrorListener): this {
    if (event === "error") this.#listeners.add(listener);
    return this;
  }

  /** What was set: Keyv's text. Keyv's type of adapters asks for any type. */
  get<Value = string>(key: string): Promise<Value | undefined> {
    return this.#reading(async () => (await this.client.get(this.#prefix + key))?.text() as Value | undefined);
  }

  getMany<Value = string>(keys: readonly string[]): Promise<(Value | undefined)[]> {
    return this.#reading(async () => {
      const results = await this.#batch(keys.map((key) => ({ op: "get", key: this.#prefix + key })));
      return results.map(({ entry }) => entry?.text() as Value | undefined);
    });
  }

  has(key: string): Promise<boolean> {
    return this.client.has(this.#prefix + key);
  }

  /** `ttl` in milliseconds; one that is over deletes the key. */
  async set(key: string, value: string, ttl?: number): Promise<boolean> {
    const operation = this.#setting({ key, value, ttl });
    if (operation.op === "delete") await this.client.delete(operation.key);
    else await this.client.put(operation.key, value, { ttl: operation.ttl });
    return true;
  }

  /** Whether each is set. Keyv's type of adapters says `void`, and Keyv passes on what comes back. */
  async setMany(items: readonly Item[]): Promise<void> {
    const results = await this.#batch(items.map((item) => this.#setting(item)));
    return results.map(() => true) as unknown as undefined;
  }

  /** Whether there was something to delete. */
  async delete(key: string): Promise<boolean> {
    // `@keyvhq/core` passes on that nobody gave a key.
    if (key === undefined) return false;
    return (await this.client.delete(this.#prefix + key)).existed !== false;
  }

  /** Whether there was something to delete under any of them. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    const results = await this.#batch(keys.map((key) => ({ op: "delete", key: this.#prefix + key })));
    return results.some(({ written }) => written?.existed !== false);
  }

  /** `@keyvhq/core` gives the namespace, Keyv has set it before. */
  async clear(namespace = this.namespace): Promise<void> {
    await this.client.deletePrefix(this.#prefixOf(namespace));
  }

  async *iterator(namespace = this.namespace): AsyncGenerator<[key: string, value: string], void> {
    for await (const entry of this.client.list({ prefix: this.#prefixOf(namespace), values: true })) {
      yield [entry.key.slice(this.#prefix.length), entry.text()];
    }
  }

  #prefixOf(namespace: string | undefined): string {
    return namespace === undefined ? this.#prefix : `${this.#prefix}${namespace}:`;
  }

  #setting({ key, value, ttl }: Item) {
    if (typeof value !== "string") {
      throw new TypeError(`a value of type ${typeof value} cannot be stored; leave Keyv its serializer`);
    }
    const stored = { key: this.#prefix + key };
    if (ttl !== undefined && !(ttl > 0)) return { op: "delete", ...stored } as const;
    return { op: "put", ...stored, value, ttl: ttl === undefined ? undefined : `${Math.ceil(ttl)}ms` } as const;
  }

  /** @throws KvasirError of the first operation that failed. */
  async #batch(operations: readonly Operation[]): Promise<BatchResult[]> {
    const results = await this.client.batch(operations);
    for (const { error } of results) if (error !== undefined) throw error;
    return results;
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof KvasirError) for (const listener of this.#listeners) listener(error);
      throw error;
    }
  }
}
