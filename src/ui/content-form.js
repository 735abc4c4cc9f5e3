import { find } from "./page.js";

/** @typedef {import("./values.js").Content} Content */

const jsonType = /^\s*(?:application\/json|[^;]+\+json)\s*(?:;|$)/i;

/**
 * The fields of a value, in the editor and in the dialog for a new key. A file that was chosen wins over the text.
 * @param {HTMLFormElement} form
 */
export function contentForm(form) {
  const fields = {
    /** @type {HTMLTextAreaElement} */
    value: find('[name="value"]', form),
    /** @type {HTMLInputElement} */
    file: find('[name="file"]', form),
    /** @type {HTMLInputElement} */
    type: find('[name="type"]', form),
    /** @type {HTMLInputElement} */
    ttl: find('[name="ttl"]', form),
    /** @type {HTMLTextAreaElement} */
    metadata: find('[name="metadata"]', form),
  };
  const hint = find("[data-hint]", form);
  const plainType = fields.type.value;

  const check = () => {
    const text = fields.value.value;
    hint.textContent = fields.file.files?.length ? "" : jsonHint(fields.type.value, text);
  };
  fields.value.addEventListener("input", check);
  fields.type.addEventListener("input", check);
  fields.file.addEventListener("change", () => {
    const chosen = fields.file.files?.[0];
    if (chosen !== undefined && fields.type.value === plainType) {
      fields.type.value = chosen.type || "application/octet-stream";
    }
    check();
  });

  return {
    fields,
    check,
    /** @returns {Content} */
    content: () => ({
      value: fields.file.files?.[0] ?? fields.value.value,
      type: fields.type.value.trim(),
      ttl: fields.ttl.value.trim(),
      metadata: fields.metadata.value,
    }),
  };
}

/**
 * @param {string} type
 * @param {string} text
 */
function jsonHint(type, text) {
  const looksLikeJson = /^\s*[{[]/.test(text);
  if (!jsonType.test(type) && !looksLikeJson) return "";
  try {
    JSON.parse(text);
    return jsonType.test(type) ? "This is JSON." : "This is JSON; the media type for it is application/json.";
  } catch (error) {
    return jsonType.test(type) ? `This is not JSON yet: ${/** @type {Error} */ (error).message}` : "";
  }
}
