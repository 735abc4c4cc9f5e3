import { keyHref } from "../http/key-href.ts";
import { checkText } from "./value.ts";

type Query = { readonly [name: string]: string | number | boolean | undefined };

/** A path that `fetch` leaves as it is: it folds dots, and proxies fold empty segments. */
export function keyPath(key: string, query: Query): string {
  const href = keyHref(checkText("the key", key));
  const more = queryOf(query);
  return href.includes("?") ? href + more.replace("?", "&") : href + more;
}

/** With the question mark, and without what is not given. */
export function queryOf(query: Query): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => `${name}=${encodeURIComponent(checkText(name, String(value)))}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

export function parseDocument(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}
