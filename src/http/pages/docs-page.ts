import { html } from "./html.ts";
import { page } from "./layout.ts";

/** The OpenAPI description to read and to try. */
export function docsPage(): string {
  return page({
    title: "HTTP API",
    section: "api",
    script: "docs.js",
    styles: ["swagger-ui.css", "docs.css"],
    libraries: ["swagger-ui.js"],
    content: html`<h1 class="hidden">HTTP API</h1>
<div id="api" data-description="/openapi.json">
<noscript><p class="card empty">This page needs scripts. The description itself is at <a href="/openapi.json">/openapi.json</a>.</p></noscript>
</div>`,
  });
}
