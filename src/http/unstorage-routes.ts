import { isUtf8 } from "node:buffer";
import { StoreError } from "../errors.ts";
import type { Record } from "../record.ts";
import type { Store } from "../store.ts";
import type { ListPage } from "../store-types.ts";
import { parseAccept, qualityOf } from "./accept.ts";
import type { Answer, HeaderList } from "./answer.ts";
import { deleteAll } from "./delete-prefix-route.ts";
import type { Exchange, Route } from "./exchange.ts";
import type { KeyRoutes } from "./key-routes.ts";
import { methodNotAllowed } from "./problem-answer.ts";
import { checkParameters } from "./query.ts";
import { readOptions, readRequestId, writeOptions } from "./request-options.ts";
import type { ServerOptions } from "./server-options.ts";
import { decodePathKey } from "./target.ts";
import { valueAnswer } from "./value-answer.ts";

const mount = "/unstorage/";
/** The last segment of a path that means all keys below it. */
const everything = ":";
const keyMethods = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"];
const listMethods = keyMethods.filter((method) => method !== "PUT");
const bytesType = "application/octet-stream";

/**
 * `/unstorage/NAMESPACE/KEY`: the protocol of unstorage's `http` driver, whose key `a:b` is `NAMESPACE/a/b` in `/kv`.
 * Values are never negotiated, and lists are not paged, because the driver can do neither.
 */
export function unstorageRoutes(store: Store, options: ServerOptions, keys: KeyRoutes): Route[] {
  const path = `${mount}*`;
  return [
    {
      method: "GET",
      path,
      access: "token",
      handle(exchange) {
        const { key, isAll } = readPath(exchange);
        exchange.grant.check("read", key);
        checkParameters(exchange.query, ["r"]);
        return isAll ? listAnswer(store, key, options.listLimitMax) : getAnswer(store, exchange, key);
      },
    },
    {
      method: "PUT",
      path,
      access: "token",
      handle(exchange) {
        const { key, isAll } = readPath(exchange);
        exchange.grant.check("write", key);
        if (isAll) throw methodNotAllowed("PUT", listMethods);
        checkParameters(exchange.query, ["w", "ttl"]);
        return keys.answer(exchange, key);
      },
    },
    {
      method: "DELETE",
      path,
      access: "token",
      handle(exchange) {
        const { key, isAll } = readPath(exchange);
        exchange.grant.check("write", key);
        checkParameters(exchange.query, ["w"]);
        return isAll ? clearAnswer(store, exchange, key) : keys.answer(exchange, key);
      },
    },
    {
      method: "OPTIONS",
      path,
      access: "token",
      handle(exchange) {
        const { isAll } = readPath(exchange);
        return { status: 204, headers: { Allow: (isAll ? listMethods : keyMethods).join(", ") } };
      },
    },
  ];
}

/** For all keys below, `key` is their prefix. */
function readPath({ raw }: Exchange): { key: string; isAll: boolean } {
  const path = decodePathKey(raw.url!.slice(mount.length));
  const slash = path.indexOf("/");
  if (slash <= 0 || slash === path.length - 1) {
    throw new StoreError("invalid_key", "give a namespace and a key: /unstorage/NAMESPACE/KEY");
  }
  const isAll = path.endsWith(`/${everything}`);
  return { key: isAll ? path.slice(0, -everything.length) : path, isAll };
}

async function getAnswer(store: Store, exchange: Exchange, key: string): Promise<Answer> {
  const record = await store.get(key, readOptions(exchange));
  if (record === undefined) throw new StoreError("not_found", "nothing is stored under this key");
  const answer = valueAnswer(record, exchange.raw, "raw");
  if (answer.status === 304) return answer;
  return { ...answer, headers: withType(answer.headers as HeaderList, givenType(exchange, record)) };
}

function withType(headers: HeaderList, type: string): HeaderList {
  return headers.with(headers.indexOf("Content-Type") + 1, type);
}

/** Whoever likes bytes best gets them as such; everybody else would make a `Blob` of them, also where they are text. */
function givenType({ raw }: Exchange, { type, value }: Record): string {
  const isText = type === bytesType && isUtf8(value) && !value.includes(0);
  const otherwise = isText ? "text/plain; charset=utf-8" : /^[\x20-\x7e]+$/.test(type) ? type : bytesType;
  const { ranges } = parseAccept(raw.headers.accept ?? "");
  return qualityOf(bytesType, ranges) > qualityOf(otherwise, ranges) ? bytesType : otherwise;
}

/** The first page is asked for before the answer begins, so that its failure still has a status. */
async function listAnswer(store: Store, prefix: string, limit: number): Promise<Answer> {
  const range = { prefix, isReverse: false, withValues: false, limit };
  const namespaceLength = prefix.indexOf("/") + 1;
  const first = await store.list(range);
  const keysOf = ({ records }: ListPage) =>
    records.map(({ key }) => JSON.stringify(key.slice(namespaceLength))).join(",\n");
  async function* parts(): AsyncGenerator<string> {
    yield `[${keysOf(first)}`;
    for (let page = first; page.next !== undefined; ) {
      page = await store.list({ ...range, after: page.next });
      if (page.records.length > 0) yield `,\n${keysOf(page)}`;
    }
    yield "]";
  }
  return {
    status: 200,
    headers: { "Content-Type": "application/json", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff" },
    body: parts(),
  };
}

async function clearAnswer(store: Store, exchange: Exchange, prefix: string): Promise<Answer> {
  const { condition, ...options } = writeOptions(exchange);
  if (condition !== undefined || readRequestId(exchange.raw) !== undefined) {
    throw new StoreError("invalid_header", "clearing has neither conditions nor an Idempotency-Key");
  }
  await deleteAll(store, prefix, options, exchange);
  return { status: 204, headers: {} };
}
