import { ageOf, element, find } from "./page.js";

/**
 * What this window did to a key, so that it can be put back. Kept for the window alone, and within bounds.
 *
 * @typedef {object} Edit
 * @property {number} at in ms
 * @property {string} action
 * @property {string} tag
 * @property {string} type
 * @property {string | undefined} text `undefined` when it is not text, or too long to keep
 */

const editsMax = 20;
const textLengthMax = 2 ** 16;

/** @param {string} key */
export function editsOf(key) {
  const name = `kvasir edits ${key}`;
  return {
    /** @returns {Edit[]} */
    all: () => JSON.parse(sessionStorage.getItem(name) ?? "[]"),
    /** @param {Edit} edit */
    add(edit) {
      const kept = { ...edit, text: (edit.text?.length ?? 0) > textLengthMax ? undefined : edit.text };
      let edits = [...this.all().filter(({ tag }) => tag !== edit.tag), kept].slice(-editsMax);
      while (edits.length > 0) {
        try {
          return sessionStorage.setItem(name, JSON.stringify(edits));
        } catch {
          // The browser's room for this site is used up: the oldest goes.
          edits = edits.slice(1);
        }
      }
    },
  };
}

/**
 * Shows them, the latest first.
 * @param {readonly Edit[]} edits
 * @param {string} currentTag
 * @param {(edit: Edit) => void} putBack
 */
export function showHistory(edits, currentTag, putBack) {
  const section = find("#history");
  section.hidden = edits.length === 0;
  const rows = edits.toReversed().map((edit) => {
    const isCurrent = edit.tag === currentTag;
    const button = element("button", { type: "button", click: () => putBack(edit) }, "Put back");
    return element(
      "tr",
      {},
      element("td", {}, element("time", { datetime: new Date(edit.at).toISOString() }, ageOf(edit.at))),
      element("td", {}, edit.action),
      element("td", {}, element("code", {}, edit.tag.replaceAll('"', ""))),
      element("td", {}, isCurrent ? "shown above" : edit.text === undefined ? "not kept" : button),
    );
  });
  const head = ["When", "What", "Version", ""].map((name) => element("th", { scope: "col" }, name));
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
  find("div", section).replaceChildren(element("div", { class: "scroll" }, table));
}
