import type { Record } from "../../record.ts";
import { documentValue } from "../representations/value-document.ts";
import { html, type Markup } from "./html.ts";
import { sizeMark } from "./parts.ts";
import { prettyJson } from "./pretty-json.ts";

/** Characters of a text, and bytes of anything else, that a page shows; the raw value has the rest. */
const textShownMax = 48 * 2 ** 10;
const bytesShownMax = 2 ** 10;
const bytesARow = 16;

const imageTypes = /^image\/(?:png|jpeg|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon|svg\+xml)\s*(?:;|$)/i;

/** The value for people, never as something that could act: text is escaped, and an image runs no scripts. */
export function valueView({ type, value }: Record, rawHref: string): Markup {
  const document = documentValue(type, value);
  if (imageTypes.test(type)) {
    const source = document.kind === "base64" ? undefined : html`\n<h3>Source</h3>\n${textView(document.text)}`;
    return html`<div class="picture"><img src="${rawHref}" alt="The stored image"></div>${source}`;
  }
  if (value.length === 0) return html`<p class="quiet">The value is empty.</p>`;
  if (document.kind === "base64") return hexView(value);
  const text = document.kind === "json" ? prettyJson(document.text, textShownMax + 1) : document.text;
  return textView(text, document.kind === "json" ? "json" : "text");
}

/** A word for what the view is. */
export function viewName({ type, value }: Record): string {
  if (imageTypes.test(type)) return "image";
  const { kind } = documentValue(type, value);
  return { json: "JSON", text: "text", utf8: "text that is not the JSON it is said to be", base64: "bytes" }[kind];
}

function textView(text: string, kind: "json" | "text" = "text"): Markup {
  const isCut = text.length > textShownMax;
  // Not in the middle of a character of two units.
  const shown = isCut ? text.slice(0, textShownMax).replace(/[\ud800-\udbff]$/, "") : text;
  // The parser drops the first line feed.
  return html`<pre class="value" data-kind="${kind}" tabindex="0">\n${shown}</pre>${isCut ? html`\n<p class="quiet">This is the beginning; the raw value has the rest.</p>` : undefined}`;
}

function hexView(value: Uint8Array): Markup {
  const shown = value.subarray(0, bytesShownMax);
  const rows: string[] = [];
  for (let offset = 0; offset < shown.length; offset += bytesARow) rows.push(hexRow(offset, shown));
  const cut =
    value.length > bytesShownMax
      ? html`\n<p class="quiet">The first ${bytesShownMax} bytes of ${sizeMark(value.length)}.</p>`
      : undefined;
  return html`<pre class="value hex" tabindex="0">\n${rows.join("\n")}</pre>${cut}`;
}

function hexRow(offset: number, bytes: Uint8Array): string {
  const row = [...bytes.subarray(offset, offset + bytesARow)];
  const digits = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const characters = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
  return `${offset.toString(16).padStart(8, "0")}  ${digits.padEnd(3 * bytesARow - 1)}  ${characters}`;
}
