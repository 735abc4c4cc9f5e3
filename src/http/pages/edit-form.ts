import { html, type Markup } from "./html.ts";

const typeList = html`<datalist id="types">
<option value="text/plain; charset=utf-8"></option>
<option value="application/json"></option>
<option value="application/octet-stream"></option>
</datalist>`;

/** What a PUT takes, for scripts to send. */
function contentFields(): Markup {
  return html`<label class="wide">Value
<textarea name="value" rows="14" spellcheck="false" autocomplete="off"></textarea></label>
<p class="hint wide" data-hint></p>
<label class="wide">or a file instead
<input type="file" name="file"></label>
<label>Media type
<input name="type" list="types" value="text/plain; charset=utf-8" autocomplete="off"></label>
<label>Expires after
<input name="ttl" placeholder="never, or 90s, 30m, 12h" pattern="[0-9.]+(ms|s|m|h|d)" autocomplete="off"></label>
<label class="wide">Metadata, one a line
<textarea name="metadata" rows="2" placeholder="owner: ann" spellcheck="false" autocomplete="off"></textarea></label>`;
}

export function editForm(): Markup {
  return html`<section id="editor" class="card" aria-labelledby="editor-title" hidden>
<h2 id="editor-title">Edit</h2>
<form class="fields">
${contentFields()}
<div class="actions wide"><button class="primary" type="submit">Save</button>
<button type="button" data-cancel>Cancel</button></div>
</form>
${typeList}
</section>`;
}

export function newKeyDialog(prefix: string): Markup {
  return html`<dialog id="new-key" aria-labelledby="new-key-title">
<h2 id="new-key-title">New key</h2>
<form class="fields">
<label class="wide">Key
<input name="key" required maxlength="1024" value="${prefix}" autocomplete="off" spellcheck="false"></label>
${contentFields()}
<p class="error wide" role="alert" hidden></p>
<div class="actions wide"><button class="primary" type="submit">Create</button>
<button type="button" data-cancel>Cancel</button></div>
</form>
${typeList}
</dialog>`;
}

export function deleteDialog(key: string): Markup {
  return html`<dialog id="confirm-delete" aria-labelledby="confirm-title">
<h2 id="confirm-title">Delete this key?</h2>
<p class="key">${key}</p>
<p>All replicas forget its value. Deleted stays deleted.</p>
<p class="error" role="alert" hidden></p>
<div class="actions"><button class="danger" type="button" data-confirm>Delete</button>
<button type="button" data-cancel>Cancel</button></div>
</dialog>`;
}
