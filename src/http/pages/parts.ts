import type { PartitionStatus } from "../../store-types.ts";
import { html, type Markup, type Part } from "./html.ts";

/** Names and what they are; what is `undefined` is left out. */
export function factList(facts: { readonly [name: string]: Part }): Markup {
  const given = Object.entries(facts).filter(([, fact]) => fact !== undefined);
  return html`<dl class="facts">
${given.map(([name, fact]) => html`<div><dt>${name}</dt><dd>${fact}</dd></div>\n`)}</dl>`;
}

/** A point in time as ISO 8601, which scripts turn into an age. */
export function timeMark(iso: string): Markup {
  return html`<time datetime="${iso}">${iso.replace("T", " ").replace(/\.\d+Z$/, " UTC")}</time>`;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

export function sizeMark(bytes: number): Markup {
  let [size, unit] = [bytes, 0];
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  const text = unit === 0 ? `${bytes} B` : `${size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
  return html`<span class="number" title="${bytes} bytes">${text}</span>`;
}

const stateWords: { readonly [state in PartitionStatus["state"]]: string } = {
  steady: "steady",
  catching_up: "catching up",
  recovering: "recovering",
  away: "away",
};

/** A state in words and colour. */
export function stateMark(state: PartitionStatus["state"]): Markup {
  return html`<span class="state state-${state}">${stateWords[state]}</span>`;
}

export function table(columns: readonly Part[], rows: readonly (readonly Part[])[]): Markup {
  return html`<div class="scroll"><table>
<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody>
</table></div>`;
}
