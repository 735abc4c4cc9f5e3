import type { NewValue } from "./options.ts";

export interface EncodedValue {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly type: string;
}

const jsonTags = ["Object", "Array", "Number", "Boolean", "Null"];

/** @throws TypeError for what no bytes stand for. */
export function encodeValue(value: NewValue, type: string | undefined): EncodedValue {
  if (typeof value === "string") {
    return { body: checkText("the value", value), type: type ?? "text/plain; charset=utf-8" };
  }
  // By tag and not by class: tests and workers have classes of their own realms.
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (ArrayBuffer.isView(value) || tag === "ArrayBuffer") {
    const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(value) ? value : new Uint8Array(value as ArrayBuffer);
    const body = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    return { body, type: type ?? "application/octet-stream" };
  }
  // A Promise, a Map or a Blob would be the JSON `{}`.
  const isJson = jsonTags.includes(tag) || typeof (value as { toJSON?: unknown })?.toJSON === "function";
  const body = isJson ? (JSON.stringify(value) as string | undefined) : undefined;
  if (body === undefined) throw new TypeError(`a value of type ${tag} cannot be stored; give text, bytes or JSON`);
  return { body, type: type ?? "application/json" };
}

/** Half a surrogate pair would silently become another character. */
export function checkText(name: string, text: string): string {
  if (text.isWellFormed()) return text;
  throw new TypeError(`${name} contains half of a surrogate pair; only bytes can`);
}

/** The members of a batch operation that stand for the value. */
export function valueMembers(value: NewValue, givenType: string | undefined) {
  const { body, type } = encodeValue(value, givenType);
  if (typeof body === "string") return { value: body, encoding: "utf8", type };
  return { value: toBase64(body), encoding: "base64", type };
}

/** The bytes that the members `value` and `encoding` of a document stand for. JSON is written anew. */
export function decodeValue(value: unknown, encoding: string | undefined, type: string): Uint8Array<ArrayBuffer> {
  if (encoding === "base64") return Uint8Array.from(atob(String(value)), (character) => character.charCodeAt(0));
  const isJson = encoding === undefined && /^(?:application\/json|[^;]+\+json) *(?:;|$)/i.test(type);
  return new TextEncoder().encode(isJson ? JSON.stringify(value) : String(value));
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  // In parts, because the number of arguments has a limit.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
