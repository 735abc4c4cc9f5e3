/** More would be felt in scrolling; the rest stays plain. */
const tokensMax = 20_000;

/** Colours a JSON text without adding an element to it, in browsers that can. */
export function colourJson() {
  const text = document.querySelector('pre[data-kind="json"]')?.firstChild;
  if (!(text instanceof Text) || typeof Highlight === "undefined") return;
  const kinds = { name: new Highlight(), text: new Highlight(), literal: new Highlight() };
  let count = 0;
  const tokens = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|-?[0-9][0-9.eE+-]*|true|false|null/g;
  for (const match of text.data.matchAll(tokens)) {
    if (++count > tokensMax) break;
    const [token, string, colon] = match;
    const kind = string === undefined ? "literal" : colon === undefined ? "text" : "name";
    const range = new StaticRange({
      startContainer: text,
      startOffset: match.index,
      endContainer: text,
      endOffset: match.index + (string ?? token).length,
    });
    kinds[kind].add(range);
  }
  for (const [kind, ranges] of Object.entries(kinds)) CSS.highlights.set(`json-${kind}`, ranges);
}
