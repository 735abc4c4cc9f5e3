import { differingLines } from "./lines.js";
import { element, find } from "./page.js";

/** @typedef {import("./values.js").Stored} Stored */

/**
 * Shows what somebody else stored meanwhile beside what was about to be saved, and asks what to do.
 *
 * @param {string | undefined} mine `undefined` when it is a file
 * @param {Stored | undefined} theirs `undefined` when the key was deleted
 * @param {{ overwrite(): void, edit(): void, discard(): void }} choices
 */
export function showConflict(mine, theirs, choices) {
  const section = find("#conflict");
  const what = theirs === undefined ? "deleted this key" : "stored another version";
  const theirText = theirs === undefined ? "" : (theirs.text ?? `${theirs.bytes.length} bytes that are not text`);
  const lines = differingLines(mine ?? "The file that you chose", theirText);
  const columns = element(
    "div",
    { class: "versus" },
    column("Yours, not saved", lines[0]),
    column(theirs === undefined ? "Theirs: deleted" : `Theirs, ${theirs.tag.replaceAll('"', "")}`, lines[1]),
  );
  /** @type {(label: string, kind: string, act: () => void) => HTMLButtonElement} */
  const button = (label, kind, act) => {
    const click = () => {
      section.hidden = true;
      act();
    };
    return element("button", { type: "button", class: kind, click }, label);
  };
  const heading = element("h2", { id: "conflict-title", tabindex: "-1" }, "Somebody else was faster");
  section.replaceChildren(
    heading,
    element("p", {}, `While you edited, someone ${what}. Nothing of yours was saved. What differs is marked.`),
    columns,
    element(
      "div",
      { class: "actions" },
      button("Go on editing mine", "primary", choices.edit),
      button(theirs === undefined ? "Store mine anew" : "Save mine over theirs", "danger", choices.overwrite),
      button("Discard mine", "", choices.discard),
    ),
  );
  section.hidden = false;
  heading.focus();
}

/**
 * @param {string} title
 * @param {readonly (readonly [line: string, differs: boolean])[]} lines
 */
function column(title, lines) {
  const rows = lines.map(([line, differs]) => element("span", differs ? { class: "differs" } : {}, line));
  return element("div", {}, element("h3", {}, title), element("pre", { class: "value", tabindex: "0" }, ...rows));
}
