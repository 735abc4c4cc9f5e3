import type { Record } from "../../record.ts";
import { entityTag } from "../conditions.ts";
import { recordDocument } from "../representations/record-document.ts";
import { deleteDialog, editForm } from "./edit-form.ts";
import { html } from "./html.ts";
import { breadcrumbs, keyHrefWith } from "./key-links.ts";
import { page } from "./layout.ts";
import { factList, sizeMark, timeMark } from "./parts.ts";
import { valueView, viewName } from "./value-view.ts";

/** One record: its value as it can be shown, what is known of it, and for scripts what editing needs. */
export function valuePage(record: Record): string {
  const { key, type, version, modified, expires, metadata } = recordDocument(record);
  const rawHref = keyHrefWith(key, "format=raw");
  const facts = {
    Type: type,
    Size: sizeMark(record.value.length),
    Modified: timeMark(modified),
    Expires: expires === undefined ? html`<span class="quiet">never</span>` : timeMark(expires),
    Version: html`<code>${version}</code>`,
  };
  return page({
    title: key,
    section: "keys",
    script: "value.js",
    content: html`${breadcrumbs(key)}
<div class="headline"><h1 class="key">${key}</h1>
<div class="actions">
<button id="edit" type="button" hidden>Edit</button>
<button id="delete" type="button" class="danger" hidden>Delete</button>
<a class="button" href="${rawHref}">Raw</a>
<a class="button" href="${rawHref}" download="${fileName(key)}">Download</a>
</div></div>
<p id="notice" class="notice" role="alert" hidden></p>
<div id="record" data-key="${key}" data-type="${type}" data-tag="${entityTag(record.version, "raw")}"></div>
${editForm()}
<section id="conflict" class="card" aria-labelledby="conflict-title" hidden></section>
<section class="card" aria-labelledby="facts-title"><h2 id="facts-title" class="hidden">Facts</h2>
${factList(facts)}</section>
<section class="card" aria-labelledby="value-title">
<h2 id="value-title">Value <small>${viewName(record)}</small></h2>
${valueView(record, rawHref)}
</section>
<div class="columns">
<section class="card" aria-labelledby="metadata-title"><h2 id="metadata-title">Metadata</h2>
${Object.keys(metadata).length === 0 ? html`<p class="quiet">None.</p>` : factList(metadata)}</section>
<section class="card" aria-labelledby="replicas-title"><h2 id="replicas-title">Replicas</h2>
<div id="replicas"><p><a href="/replicas?key=${encodeURIComponent(key)}">Where this key is kept, and which version</a></p></div></section>
</div>
<section id="history" class="card" aria-labelledby="history-title" hidden>
<h2 id="history-title">Edits made here <small>in this window, not stored</small></h2>
<div></div></section>
<p class="quiet">The same address as
<a href="${keyHrefWith(key, "format=json")}">JSON</a>,
<a href="${keyHrefWith(key, "format=xml")}">XML</a> or
<a href="${keyHrefWith(key, "format=txt")}">text</a>.</p>
${deleteDialog(key)}`,
  });
}

/** The key's last part. */
function fileName(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1) || "value";
}
