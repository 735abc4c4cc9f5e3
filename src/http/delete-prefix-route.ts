import { StoreError } from "../errors.ts";
import type { Store } from "../store.ts";
import type { ListPage, WriteOptions } from "../store-types.ts";
import type { Exchange, Route } from "./exchange.ts";
import { type DocumentFormat, negotiateDocument } from "./negotiation.ts";
import { html } from "./pages/html.ts";
import { page as htmlPage } from "./pages/layout.ts";
import { asStoreError } from "./problem-answer.ts";
import { checkParameters, type Query } from "./query.ts";
import { documentHeaders } from "./representations/rendering.ts";
import { xmlDocument, xmlElement, xmlText } from "./representations/xml.ts";
import { readRequestId, writeOptions } from "./request-options.ts";

const pageLimit = 1000;

/**
 * `DELETE /kv?prefix=P`: deletes what begins with the prefix, page by page, and says how many keys that were. It is
 * not atomic: what is written meanwhile may stay, and after a failure the count so far is told.
 */
export function deletePrefixRoute(store: Store): Route {
  return {
    method: "DELETE",
    path: "/kv",
    access: "token",
    async handle(exchange) {
      const { raw, query } = exchange;
      const prefix = readPrefix(query);
      exchange.grant.check("write", prefix);
      const format = negotiateDocument(raw.headers.accept, query.get("format"));
      const { condition, ...options } = writeOptions(exchange);
      if (condition !== undefined || readRequestId(raw) !== undefined) {
        throw new StoreError("invalid_header", "deleting a prefix has neither conditions nor an Idempotency-Key");
      }
      const deleted = await deleteAll(store, prefix, options, exchange);
      return {
        status: 200,
        headers: { ...documentHeaders[format], Vary: "Accept", "Cache-Control": "no-cache" },
        body: writers[format](deleted),
      };
    },
  };
}

function readPrefix(query: Query): string {
  checkParameters(query, ["prefix", "confirm", "w", "format"]);
  const prefix = query.get("prefix");
  if (prefix === undefined) throw new StoreError("invalid_query", "DELETE /kv needs a prefix or a key");
  if (prefix === "" && query.get("confirm") !== "all") {
    throw new StoreError("confirmation_required", "an empty prefix deletes every key; add confirm=all if you mean it");
  }
  return prefix;
}

/**
 * Deletes what begins with `prefix`, and gives the number of keys.
 *
 * @throws StoreError whose details have `deleted`, the number so far.
 */
export async function deleteAll(
  store: Store,
  prefix: string,
  options: WriteOptions,
  { raw, grant }: Exchange,
): Promise<number> {
  let deleted = 0;
  try {
    let page: ListPage | undefined;
    do {
      const range = { prefix, isReverse: false, withValues: false, limit: pageLimit, after: page?.next };
      page = await store.list(range);
      grant.allowance?.spend(page.records.length);
      const results = await Promise.allSettled(page.records.map(({ key }) => store.delete(key, options)));
      const failed = results.find((result) => result.status === "rejected");
      for (const result of results) if (result.status === "fulfilled" && result.value.existed !== false) deleted++;
      if (failed !== undefined) throw failed.reason;
      // Whoever interrupts this request wants it to stop.
    } while (page.next !== undefined && !raw.socket.destroyed);
  } catch (thrown) {
    const error = asStoreError(thrown);
    const details = { ...error.details, deleted };
    throw new StoreError(error.code, `${error.message}; ${deleted} keys were deleted before`, {
      details,
      cause: thrown,
    });
  }
  return deleted;
}

const writers: { readonly [F in DocumentFormat]: (deleted: number) => string } = {
  json: (deleted) => JSON.stringify({ deleted }),
  xml: (deleted) => xmlDocument(xmlElement("result", xmlText("deleted", String(deleted)))),
  html: (deleted) =>
    htmlPage({
      title: "Deleted",
      section: "keys",
      content: html`<h1>Deleted</h1>\n<p>${deleted} keys were deleted.</p>`,
    }),
  txt: (deleted) => `${deleted}\n`,
};
