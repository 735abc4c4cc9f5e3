import type { Driver, TransactionOptions } from "unstorage";
import { type BatchResult, type ClientOptions, KvasirClient, type Operation } from "../client/index.ts";

export interface KvasirDriverOptions extends ClientOptions {
  /** The first segment of all keys in Kvasir, as in `/unstorage/NAMESPACE`. @default "unstorage" */
  readonly namespace?: string;
}

/** `ttl` in seconds, as the `http` driver has it. */
type ItemOptions = TransactionOptions & { readonly ttl?: number };

/**
 * A driver for unstorage: its key `a:b` is `NAMESPACE/a/b` in Kvasir, as it is for the `http` driver at
 * `/unstorage/NAMESPACE`, and both may be used for the same data.
 *
 * @example
 * const storage = createStorage({ driver: kvasirDriver({ url: "http://127.0.0.1:7070", namespace: "app" }) });
 */
export default function kvasirDriver(options: KvasirDriverOptions): Driver<KvasirDriverOptions, KvasirClient> {
  const { namespace = "unstorage", ...clientOptions } = options;
  const client = new KvasirClient(clientOptions);
  const root = `${namespace}/`;
  const stored = (key: string) => root + key.replaceAll(":", "/");
  const below = (base: string | undefined) => (base ? `${stored(base).replace(/\/$/, "")}/` : root);
  const given = (key: string) => key.slice(root.length).replaceAll("/", ":");
  const run = async (operations: readonly Operation[]) => firstErrorOf(await client.batch(operations));

  return {
    name: "kvasir",
    options,
    flags: { ttl: true },
    getInstance: () => client,
    hasItem: (key) => client.has(stored(key)),
    async getItem(key) {
      return (await client.get(stored(key)))?.text() ?? null;
    },
    async getItems(items) {
      const results = await run(items.map(({ key }) => ({ op: "get", key: stored(key) })));
      return results.map(({ entry }, index) => ({ key: items[index]!.key, value: entry?.text() ?? null }));
    },
    async getItemRaw(key) {
      return (await client.get(stored(key)))?.bytes ?? null;
    },
    async setItem(key, value, { ttl }: ItemOptions) {
      await client.put(stored(key), value, { ttl: ttl || undefined });
    },
    async setItems(items, common?: ItemOptions) {
      await run(
        items.map(({ key, value, options }: { key: string; value: string; options?: ItemOptions }) => {
          return { op: "put", key: stored(key), value, ttl: (options?.ttl ?? common?.ttl) || undefined };
        }),
      );
    },
    async setItemRaw(key, value, { ttl }: ItemOptions) {
      await client.put(stored(key), value, { ttl: ttl || undefined });
    },
    async removeItem(key) {
      await client.delete(stored(key));
    },
    async getMeta(key) {
      const found = await client.head(stored(key));
      if (found === undefined) return null;
      const { modified, expires, size, type, version } = found;
      const ttl = expires === undefined ? undefined : Math.max(0, Math.ceil((expires.getTime() - Date.now()) / 1000));
      return { mtime: modified, size, type, version, ...(ttl !== undefined && { ttl }) };
    },
    async getKeys(base) {
      const keys: string[] = [];
      for await (const { key } of client.list({ prefix: below(base) })) keys.push(given(key));
      return keys;
    },
    async clear(base) {
      await client.deletePrefix(below(base));
    },
  };
}

function firstErrorOf(results: BatchResult[]): BatchResult[] {
  for (const { error } of results) if (error !== undefined) throw error;
  return results;
}
