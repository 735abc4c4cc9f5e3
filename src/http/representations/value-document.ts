import { isJsonType } from "../media-type.ts";

/**
 * A stored value as documents show it: `json` is the value's own text, `text` its UTF-8. A value of JSON type
 * that is no JSON is `utf8`, which documents say, because as plain `text` it could be taken for a JSON string.
 */
export interface ValueDocument {
  readonly kind: "json" | "text" | "utf8" | "base64";
  readonly text: string;
}

// A byte order mark is part of the value.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function documentValue(type: string, value: Uint8Array): ValueDocument {
  const text = decodeText(value);
  if (text === undefined) return { kind: "base64", text: base64(value) };
  if (!isJsonType(type)) return { kind: "text", text };
  return { kind: isJson(text) ? "json" : "utf8", text };
}

/**
 * The members `value` and, where it is needed to read it, `encoding` of a JSON document, each as JSON on one line.
 * A JSON value is spliced in as it is stored: parsing it would round numbers beyond 2^53 and drop repeated names.
 */
export function jsonValueMembers(value: ValueDocument): { value: string; encoding: string | undefined } {
  switch (value.kind) {
    case "json":
      // In JSON a line break can only stand between tokens; NDJSON needs each document on one line.
      return { value: value.text.replaceAll(/[\r\n]+/g, " "), encoding: undefined };
    case "text":
      return { value: JSON.stringify(value.text), encoding: undefined };
    default:
      return { value: JSON.stringify(value.text), encoding: JSON.stringify(value.kind) };
  }
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function decodeText(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
