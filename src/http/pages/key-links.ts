import { keyHref } from "../key-href.ts";
import { html, type Markup } from "./html.ts";

const delimiter = "/";

/** A key's address with a parameter, whichever form the address has. */
export function keyHrefWith(key: string, parameter: string): string {
  const href = keyHref(key);
  return `${href}${href.includes("?") ? "&" : "?"}${parameter}`;
}

/** The address of a key's page. What a browser would rather show itself has to be asked for as a page. */
export function keyPageHref(key: string, type: string): string {
  return /^\s*(?:text\/html|application\/xhtml\+xml|image\/)/i.test(type)
    ? keyHrefWith(key, "format=html")
    : keyHref(key);
}

export function folderHref(prefix: string): string {
  return `/kv?delimiter=/${prefix === "" ? "" : `&prefix=${encodeURIComponent(prefix)}`}`;
}

/** The folders above a key or prefix, as links, and its last part as it is. */
export function breadcrumbs(path: string): Markup {
  const parts = path.split(delimiter);
  const last = parts.pop()!;
  let prefix = "";
  const folders = parts.map((part) => {
    prefix += `${part}${delimiter}`;
    return html`<li><a href="${folderHref(prefix)}">${part === "" ? "(empty)" : part}</a></li>\n`;
  });
  return html`<nav aria-label="Folders"><ol class="crumbs">
<li><a href="${folderHref("")}">All keys</a></li>
${folders}${last === "" ? undefined : html`<li aria-current="page">${last}</li>\n`}</ol></nav>`;
}
