import type { Store } from "../store.ts";
import type { ListPage, ListRange } from "../store-types.ts";
import { parseAccept, qualityOf } from "./accept.ts";
import type { Answer } from "./answer.ts";
import type { Route } from "./exchange.ts";
import { encodeCursor, readListRange } from "./list-query.ts";
import { negotiateDocument } from "./negotiation.ts";
import { jsonLine } from "./representations/json.ts";
import { renderList, renderListLine } from "./representations/list.ts";
import type { ServerOptions } from "./server-options.ts";

const lineType = "application/x-ndjson";
const documentTypes = ["application/json", "text/html", "application/xml", "text/xml", "text/plain"];
/** Values of one part of a stream, unless one alone is larger: so much is held for each client that reads slowly. */
const streamedBytesMax = 2 ** 20;
const listHeaders = { Vary: "Accept", "Cache-Control": "no-cache" };

/** `GET /kv`: a page of the keys; or all of them, line by line, when the client takes NDJSON and gives no limit. */
export function listRoute(store: Store, options: ServerOptions): Route {
  return {
    method: "GET",
    path: "/kv",
    access: "token",
    async handle({ raw, query, grant }) {
      const range = readListRange(query, options.listLimitMax);
      // The cursor's range counts as well: anybody can write one.
      grant.check("read", range.prefix);
      if (query.get("format") === undefined && prefersLines(raw.headers.accept)) {
        if (query.has("limit")) return linePage(await store.list(range), range);
        // The first page is asked for before the answer begins, so that its failure still has a status.
        const all = { ...range, limit: options.listLimitMax, bytesMax: streamedBytesMax };
        return lineStream(store, all, await store.list(all));
      }
      const format = negotiateDocument(raw.headers.accept, query.get("format"));
      const page = await store.list(range);
      const cursor = page.next === undefined ? undefined : encodeCursor(range, page.next);
      const nextHref = cursor && `/kv?cursor=${cursor}${query.has("format") ? `&format=${format}` : ""}`;
      const { body, headers } = renderList(format, { page, range, cursor, withValues: range.withValues, nextHref });
      return { status: 200, headers: { ...headers, ...listHeaders, ...linkTo(nextHref) }, body };
    },
  };
}

/** Whether no document is liked better than NDJSON, which has to be named. */
function prefersLines(accept: string | undefined): boolean {
  if (!accept?.toLowerCase().includes(lineType)) return false;
  const { ranges } = parseAccept(accept);
  const best = Math.max(...documentTypes.map((type) => qualityOf(type, ranges)));
  const quality = qualityOf(lineType, ranges);
  return quality > 0 && quality >= best;
}

function linePage(page: ListPage, range: ListRange): Answer {
  const nextHref =
    page.next === undefined ? undefined : `/kv?cursor=${encodeCursor(range, page.next)}&limit=${range.limit}`;
  return { status: 200, headers: { ...lineHeaders, ...linkTo(nextHref) }, body: lines(page, range) };
}

function lineStream(store: Store, range: ListRange, first: ListPage): Answer {
  // One page at a time is held: the next is asked for when the client has taken this one.
  return { status: 200, headers: lineHeaders, body: allLines(store, range, first) };
}

const lineHeaders = { "Content-Type": lineType, "X-Content-Type-Options": "nosniff", ...listHeaders };

async function* allLines(store: Store, range: ListRange, first: ListPage): AsyncGenerator<string> {
  let page = first;
  for (;;) {
    const text = lines(page, range);
    if (text !== "") yield text;
    if (page.next === undefined) return;
    page = await store.list({ ...range, after: page.next });
  }
}

function lines(page: ListPage, { withValues }: ListRange): string {
  const records = page.records.map((record) => renderListLine(record, withValues));
  const prefixes = page.prefixes.map((prefix) => jsonLine(JSON.stringify({ prefix })));
  return [...records, ...prefixes].join("");
}

function linkTo(href: string | undefined): { Link?: string } {
  return href === undefined ? {} : { Link: `<${href}>; rel="next"` };
}
