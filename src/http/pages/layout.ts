import { html, type Markup } from "./html.ts";
import { uiHref } from "./ui-files.ts";

interface Page {
  /** Plain text, for the window. */
  readonly title: string;
  readonly content: Markup;
  /** Which link of the navigation leads here. */
  readonly section?: "keys" | "status" | "api";
  /** The module below `src/ui` that brings the page to life; without scripts it can be read all the same. */
  readonly script?: string;
  /** Further files below `src/ui`, or of packages. */
  readonly styles?: readonly string[];
  readonly libraries?: readonly string[];
}

const sections = [
  { name: "keys", href: "/kv?delimiter=/", label: "Keys" },
  { name: "status", href: "/status", label: "Status" },
  { name: "api", href: "/docs", label: "API" },
] as const;

/** A complete page. Scripts and styles come from `/ui/` alone, as its security policy demands. */
export function page({ title, content, section, script, styles = [], libraries = [] }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Kvasir</title>
<link rel="icon" href="${uiHref("icon.svg")}" type="image/svg+xml">
${["kvasir.css", ...styles].map((style) => html`<link rel="stylesheet" href="${uiHref(style)}">\n`)}${libraries.map(
  (library) => html`<script src="${uiHref(library)}" defer></script>\n`,
)}${script === undefined ? undefined : html`<script type="module" src="${uiHref(script)}"></script>\n`}</head>
<body>
<a class="skip" href="#content">Skip to content</a>
<header class="bar">
<a class="brand" href="/kv?delimiter=/"><img src="${uiHref("icon.svg")}" width="28" height="28" alt="">Kvasir</a>
<nav aria-label="Main">
${sections.map(
  ({ name, href, label }) =>
    html`<a href="${href}"${name === section ? html` aria-current="page"` : undefined}>${label}</a>\n`,
)}</nav>
</header>
<main id="content" tabindex="-1">
${content}
</main>
<div id="announcement" class="announcement" role="status" aria-live="polite"></div>
</body>
</html>
`.text;
}
