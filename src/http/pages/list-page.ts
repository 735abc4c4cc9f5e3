import type { ScannedRecord } from "../../record.ts";
import type { ListPage, ListRange } from "../../store-types.ts";
import { versionTime } from "../../version.ts";
import { isoTime } from "../representations/time.ts";
import { newKeyDialog } from "./edit-form.ts";
import { html, type Markup } from "./html.ts";
import { breadcrumbs, folderHref, keyPageHref } from "./key-links.ts";
import { page as htmlPage } from "./layout.ts";
import { sizeMark, timeMark } from "./parts.ts";

interface ListFacts {
  readonly page: ListPage;
  readonly range: ListRange;
  /** `undefined` on the last page. */
  readonly nextHref: string | undefined;
}

/** A page of keys: folders first where there is a delimiter. */
export function listPage({ page, range, nextHref }: ListFacts): string {
  const { prefix, delimiter } = range;
  const folder = delimiter === "/" ? prefix.slice(0, prefix.lastIndexOf("/") + 1) : "";
  const isEmpty = page.records.length + page.prefixes.length === 0;
  return htmlPage({
    title: prefix === "" ? "Keys" : `Keys under ${prefix}`,
    section: "keys",
    script: "keys.js",
    content: html`${prefix === "" ? undefined : breadcrumbs(prefix)}
<div class="headline"><h1>${prefix === "" ? "Keys" : html`<span class="key">${prefix}</span>`}</h1>
<div class="actions"><button id="new" type="button" class="primary" hidden>New key</button></div></div>
${searchForm(range)}
${isEmpty ? emptyNote(range) : html`<section class="card list">${listTable(page, range, folder)}</section>`}
${pager(range, nextHref)}
${newKeyDialog(prefix)}`,
  });
}

function searchForm({ prefix, delimiter, isReverse, limit }: ListRange): Markup {
  return html`<form class="search" action="/kv" role="search">
<label>Keys that begin with
<input id="prefix" type="search" name="prefix" value="${prefix}" autocomplete="off" spellcheck="false" accesskey="s"></label>
<label>Folders
<select name="delimiter">${option("/", "at each /", delimiter === "/")}${option("", "none", delimiter === undefined)}${
    delimiter !== undefined && delimiter !== "/" ? option(delimiter, `at each ${delimiter}`, true) : undefined
  }</select></label>
<label>Order
<select name="reverse">${option("false", "A to Z", !isReverse)}${option("true", "Z to A", isReverse)}</select></label>
<label>A page
<select name="limit">${[...new Set([25, 100, limit])]
    .sort((a, b) => a - b)
    .map((each) => option(String(each), String(each), each === limit))}</select></label>
<button type="submit">Search</button>
</form>`;
}

function option(value: string, label: string, isSelected: boolean): Markup {
  return html`<option value="${value}"${isSelected ? html` selected` : undefined}>${label}</option>`;
}

function listTable(page: ListPage, { delimiter }: ListRange, folder: string): Markup {
  return html`<table class="keys">
<thead><tr><th scope="col">Key</th><th scope="col">Type</th><th scope="col" class="number">Size</th><th scope="col">Modified</th><th scope="col">Expires</th></tr></thead>
<tbody>
${page.prefixes.map((prefix) => folderRow(prefix, delimiter!, folder))}${page.records.map((record) => keyRow(record, folder))}</tbody>
</table>`;
}

function folderRow(prefix: string, delimiter: string, folder: string): Markup {
  const href =
    delimiter === "/"
      ? folderHref(prefix)
      : `/kv?delimiter=${encodeURIComponent(delimiter)}&prefix=${encodeURIComponent(prefix)}`;
  return html`<tr class="folder"><td colspan="5"><a class="key" href="${href}">${prefix.slice(folder.length)}</a></td></tr>\n`;
}

function keyRow({ key, type, size, version, expires }: ScannedRecord, folder: string): Markup {
  const name = key.slice(folder.length);
  const shown = name === "" ? html`<i>(this folder)</i>` : name;
  const expiry = expires === 0 ? html`<span class="quiet">never</span>` : timeMark(isoTime(expires));
  return html`<tr><td><a class="key" href="${keyPageHref(key, type)}">${shown}</a></td><td class="type">${type}</td><td class="number">${sizeMark(size)}</td><td class="modified">${timeMark(isoTime(versionTime(version)))}</td><td class="expires">${expiry}</td></tr>\n`;
}

function emptyNote({ prefix, after }: ListRange): Markup {
  if (after !== undefined) return html`<p class="card empty">Here the list ends.</p>`;
  if (prefix !== "") return html`<p class="card empty">No key begins with <span class="key">${prefix}</span>.</p>`;
  return html`<div class="card empty"><p>Nothing is stored yet. The first key is one line away:</p>
<pre class="value" tabindex="0">curl -X PUT http://localhost:7070/kv/greeting -d 'hello'</pre></div>`;
}

function pager({ after, ...range }: ListRange, nextHref: string | undefined): Markup | undefined {
  if (after === undefined && nextHref === undefined) return undefined;
  const first = new URLSearchParams({ prefix: range.prefix, limit: String(range.limit) });
  if (range.delimiter !== undefined) first.set("delimiter", range.delimiter);
  if (range.start !== undefined) first.set("start", range.start);
  if (range.end !== undefined) first.set("end", range.end);
  if (range.isReverse) first.set("reverse", "true");
  return html`<nav class="pager" aria-label="Pages">
${after === undefined ? undefined : html`<a class="button" rel="first" href="/kv?${first.toString()}">First page</a>\n`}${
  nextHref === undefined ? undefined : html`<a class="button" rel="next" href="${nextHref}">Next page</a>\n`
}</nav>`;
}
