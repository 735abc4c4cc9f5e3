import { base64 } from "./value-document.ts";

/**
 * XML by hand: a handful of fixed element names and one rule for text. The builders on npm print characters that
 * XML cannot carry, which makes the whole document unreadable.
 */
export function xmlDocument(root: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root}\n`;
}

/** `content` is XML already; names are trusted. */
export function xmlElement(
  name: string,
  content: string,
  attributes: { readonly [name: string]: string } = {},
): string {
  const texts = Object.entries(attributes).map(([attribute, value]) => ` ${attribute}="${escapeXml(value)}"`);
  return `<${name}${texts.join("")}>${content}</${name}>`;
}

/**
 * An element with any text: as it is, or where XML 1.0 cannot carry it in base64 of its UTF-8 with the attribute
 * `encoding="base64"`. Nothing for `undefined`.
 */
export function xmlText(name: string, text: string | undefined): string {
  if (text === undefined) return "";
  if (isXmlText(text)) return xmlElement(name, escapeXml(text));
  return xmlElement(name, base64(Buffer.from(text)), { encoding: "base64" });
}

/** Whether XML 1.0 has all of the characters: no controls but tab and line ends, no U+FFFE, no lone surrogate. */
function isXmlText(text: string): boolean {
  return /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u.test(text);
}

const entities: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  // Needed only in `]]>`, and right everywhere.
  ">": "&gt;",
  '"': "&quot;",
  // Parsers turn a carriage return into a line feed, and in attributes both and tabs into spaces.
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"\t\n\r]/g, (character) => entities[character]!);
}
