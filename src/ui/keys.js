import { contentForm } from "./content-form.js";
import { announceNext, element, find } from "./page.js";
import { keyAddress, write } from "./values.js";

/** The list of keys: `/` goes to the search, and new keys are made in a dialog. */

/** @type {HTMLInputElement} */
const search = find("#prefix");
/** @type {HTMLDialogElement} */
const dialog = find("#new-key");
/** @type {HTMLFormElement} */
const form = find("form", dialog);
/** @type {HTMLInputElement} */
const keyField = find('[name="key"]', form);
/** @type {HTMLButtonElement} */
const submit = find('[type="submit"]', form);
const problem = find('[role="alert"]', form);
const { content } = contentForm(form);

const opener = find("#new");
opener.hidden = false;
opener.addEventListener("click", () => {
  dialog.showModal();
  keyField.setSelectionRange(keyField.value.length, keyField.value.length);
});
find("[data-cancel]", dialog).addEventListener("click", () => dialog.close());

document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof Element && event.target.closest("input, textarea, select, dialog") !== null;
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
  search.select();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  submit.disabled = true;
  problem.hidden = true;
  try {
    await create(keyField.value);
  } catch (error) {
    show(String(error));
  } finally {
    submit.disabled = false;
  }
});

/** @param {string} key */
async function create(key) {
  const { status, detail } = await write(key, content(), { "If-None-Match": "*" });
  const address = `${keyAddress(key)}&format=html`;
  if (status === 201 || status === 204) {
    announceNext("The key was created.");
    location.assign(address);
  } else if (status === 412) show("This key exists already. ", element("a", { href: address }, "Open it"));
  else show(detail);
}

/** @param {...(Node | string)} parts */
function show(...parts) {
  problem.replaceChildren(...parts);
  problem.hidden = false;
}
