import { StoreError } from "../errors.ts";
import { checkKey } from "../key.ts";
import { noQuery, parseForm, type Query } from "./query.ts";

/** What a request addresses: one key, or another path of this server. */
export interface Target {
  /** Raw, without the query, such as `/kv`. */
  readonly path: string;
  /** Present when the request is for one key: from the path behind `/kv/` or `/replicas/`, or from `?key=`. */
  readonly key: string | undefined;
  readonly query: Query;
  /** The host of an absolute-form target, which then counts instead of the `Host` header. */
  readonly authority: string | undefined;
}

/** Below these lie all keys: what can be done with one, and what its replicas hold of it. */
const keyPaths = ["/kv/", "/replicas/"];

/**
 * Reads the raw request target. A key is percent-decoded exactly once, and nothing is folded: `new URL()` would turn
 * `/kv/a/../b` into `/kv/b`, and `//x/kv` into a host.
 *
 * @throws StoreError `invalid_target`, `invalid_query`, `invalid_key` or `key_too_long`.
 */
export function parseTarget(url: string): Target {
  if (url.includes("#")) {
    throw new StoreError("invalid_target", "the request target has a `#`; percent-encode it as %23");
  }
  const { authority, origin } = url.startsWith("/") ? { authority: undefined, origin: url } : splitAbsolute(url);
  const mark = origin.indexOf("?");
  const path = mark < 0 ? origin : origin.slice(0, mark);
  const query = mark < 0 ? noQuery : parseForm(origin.slice(mark + 1), "invalid_query");
  return { path, key: readKey(path, query), query, authority };
}

function readKey(path: string, query: Query): string | undefined {
  const keyPath = keyPaths.find((candidate) => path.startsWith(candidate) || path === candidate.slice(0, -1));
  if (keyPath === undefined) return undefined;
  const key = query.get("key");
  if (key === undefined) return path.length < keyPath.length ? undefined : decodePathKey(path.slice(keyPath.length));
  if (path.length > keyPath.length) {
    throw new StoreError("invalid_query", "the key is given twice, in the path and as key; give it once");
  }
  checkKey(key);
  return key;
}

/** The key that a part of a path stands for. @throws StoreError as {@link parseTarget}. */
export function decodePathKey(text: string): string {
  const key = text.includes("%") ? decodePercent(text) : text;
  checkKey(key);
  return key;
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    const malformed = /%(?![0-9a-f]{2}).{0,2}/i.exec(text)?.[0];
    if (malformed === undefined) {
      throw new StoreError("invalid_key", "the key is not valid UTF-8; percent-encode its UTF-8 bytes");
    }
    throw new StoreError("invalid_target", `${malformed} is no percent-encoding; write a percent sign as %25`);
  }
}

/** `http://host:port/path?query`, as clients send it to proxies. */
function splitAbsolute(url: string): { authority: string; origin: string } {
  const match = /^https?:\/\/([^/?]+)(\/[^?]*)?(\?.*)?$/i.exec(url);
  if (match === null) throw new StoreError("invalid_target", "the request target is neither a path nor an http URL");
  return { authority: match[1]!, origin: `${match[2] ?? "/"}${match[3] ?? ""}` };
}
