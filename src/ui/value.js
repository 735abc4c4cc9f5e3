import { showConflict } from "./conflict.js";
import { contentForm } from "./content-form.js";
import { editsOf, showHistory } from "./history.js";
import { colourJson } from "./json-colours.js";
import { announceNext, find } from "./page.js";
import { showReplicas } from "./replicas.js";
import { read, remove, write } from "./values.js";

/**
 * The page of one key. Whatever it writes has the version that was seen as its condition, so that nobody's version
 * is replaced unseen.
 *
 * @typedef {import("./values.js").Stored} Stored
 */

const { key = "", tag: shownTag = "" } = find("#record").dataset;
const edits = editsOf(key);
const editor = find("#editor");
/** @type {HTMLFormElement} */
const form = find("form", editor);
/** @type {HTMLButtonElement} */
const save = find('[type="submit"]', form);
/** @type {HTMLDialogElement} */
const dialog = find("#confirm-delete");
const { fields, content, check } = contentForm(form);

/** Whose version a save replaces; `undefined` when there is none any more. */
/** @type {Stored | undefined} */
let seen;
/**
 * What the fields began with. As long as nobody changed them, the text stands for the bytes as they are stored, which
 * may be no text at all, and the time for the moment at which the value expires already.
 *
 * @type {{ text: string, bytes: Uint8Array | undefined, lineBreak: string, ttl: string, expires: number | undefined }}
 */
let began = { text: "", bytes: undefined, lineBreak: "\n", ttl: "", expires: undefined };

for (const id of ["edit", "delete"]) find(`#${id}`).hidden = false;
colourJson();
showHistory(edits.all(), shownTag, (edit) => void guarded(() => open(edit.text)));
void showReplicas(key);

find("#edit").addEventListener("click", () => void guarded(() => open(undefined)));
find("[data-cancel]", editor).addEventListener("click", () => {
  editor.hidden = true;
  find("#edit").focus();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void guarded(store);
});
find("#delete").addEventListener("click", () => dialog.showModal());
find("[data-cancel]", dialog).addEventListener("click", () => dialog.close());
find("[data-confirm]", dialog).addEventListener("click", () => void guarded(deleteKey));

/**
 * Opens the editor on the version that is stored now, with another text when one is given.
 * @param {string | undefined} text
 */
async function open(text) {
  seen = await read(key);
  if (seen === undefined) return notify("This key was deleted meanwhile.");
  if (seen.tag !== shownTag) notify("Another version was stored since this page was made; this is the new one.", false);
  fill(seen, text ?? seen.text);
}

/**
 * @param {Stored} stored
 * @param {string | undefined} text
 */
function fill(stored, text) {
  fields.value.value = text ?? "";
  began = {
    // As the browser gives it back: with its own line breaks.
    text: fields.value.value,
    bytes: text === stored.text ? stored.bytes : undefined,
    lineBreak: text !== undefined && /\r\n/.test(text) && !/(?:^|[^\r])\n/.test(text) ? "\r\n" : "\n",
    ttl: stored.expires === undefined ? "" : `${Math.max(1, Math.round((stored.expires - Date.now()) / 1000))}s`,
    expires: stored.expires,
  };
  fields.value.placeholder =
    stored.text === undefined
      ? "The stored bytes are not text, and stay as they are unless you choose or type another value."
      : "";
  fields.file.value = "";
  fields.type.value = stored.type;
  fields.ttl.value = began.ttl;
  fields.metadata.value = stored.metadata;
  check();
  editor.hidden = false;
  fields.value.focus();
  editor.scrollIntoView({ block: "nearest" });
}

async function store() {
  save.disabled = true;
  try {
    const given = edited();
    const condition = seen === undefined ? { "If-None-Match": /** @type {const} */ ("*") } : { "If-Match": seen.tag };
    const { status, tag, detail } = await write(key, given, condition);
    if (status === 412) return await compare();
    if (detail !== "") {
      reopen();
      return notify(detail);
    }
    remember(given, tag);
    announceNext("Saved.");
    location.reload();
  } finally {
    save.disabled = false;
  }
}

/** The fields, and what was stored where they are as they began. */
function edited() {
  const given = content();
  const { value, ttl } = given;
  const { text, bytes, lineBreak, expires } = began;
  const typed = typeof value === "string" ? value.replaceAll("\n", lineBreak) : value;
  return {
    ...given,
    value: bytes !== undefined && value === text ? bytes : typed,
    ttl: expires !== undefined && ttl === began.ttl ? `${Math.max(1, expires - Date.now())}ms` : ttl,
  };
}

/** Somebody else's version is there. */
async function compare() {
  seen = await read(key);
  editor.hidden = true;
  showConflict(fields.file.files?.length ? undefined : fields.value.value, seen, {
    overwrite: () => void guarded(store),
    edit: reopen,
    discard: () => location.reload(),
  });
}

/** The editor as it was. */
function reopen() {
  editor.hidden = false;
  fields.value.focus();
}

/**
 * @param {import("./values.js").Content} saved
 * @param {string} tag
 */
function remember(saved, tag) {
  const at = Date.now();
  if (seen !== undefined && !edits.all().some((edit) => edit.tag === seen?.tag)) {
    edits.add({ at, action: "found", tag: seen.tag, type: seen.type, text: seen.text });
  }
  const text = typeof saved.value === "string" ? saved.value : undefined;
  edits.add({ at, action: "saved", tag, type: saved.type, text });
}

async function deleteKey() {
  const { status, detail } = await remove(key, shownTag);
  dialog.close();
  if (status === 412)
    return notify("It was not deleted: another version was stored since this page was made. Load it again to see it.");
  if (detail !== "") return notify(detail);
  announceNext("The key was deleted.");
  location.assign(`/kv?delimiter=/&prefix=${encodeURIComponent(key.slice(0, key.lastIndexOf("/") + 1))}`);
}

/**
 * @param {string} text
 * @param {boolean} [isError]
 */
function notify(text, isError = true) {
  const notice = find("#notice");
  notice.textContent = text;
  notice.classList.toggle("error", isError);
  notice.hidden = false;
}

/** @param {() => Promise<void>} act */
async function guarded(act) {
  find("#notice").hidden = true;
  try {
    await act();
  } catch (error) {
    notify(error instanceof TypeError ? "The server does not answer. Nothing was changed." : String(error));
  }
}
