import { isJsonObject, type Json, memberOf, setMember } from "./exact-json.ts";

/** The names and indexes that a JSON Pointer (RFC 6901) goes through; `undefined` for what is no pointer. */
export function parsePointer(text: string): readonly string[] | undefined {
  if (text === "") return [];
  if (!text.startsWith("/") || /~(?![01])/.test(text)) return undefined;
  // `~01` stands for `~1`, so that slashes come first.
  const plain = (token: string) => token.replaceAll("~1", "/").replaceAll("~0", "~");
  return text.slice(1).split("/").map(plain);
}

/** What stands at `path`; `undefined` when nothing does. */
export function valueAt(document: Json, path: readonly string[]): Json | undefined {
  let value: Json | undefined = document;
  for (const token of path) {
    if (Array.isArray(value)) value = value[indexOf(token) ?? -1];
    else if (isJsonObject(value)) value = memberOf(value, token);
    else return undefined;
  }
  return value;
}

/** Adds to what is at `parent`: a member, or an item before index `token` (`-`: behind the last). False if it cannot. */
export function insertAt(parent: Json | undefined, token: string, value: Json): boolean {
  if (Array.isArray(parent)) {
    const index = token === "-" ? parent.length : indexOf(token);
    if (index === undefined || index > parent.length) return false;
    parent.splice(index, 0, value);
    return true;
  }
  if (!isJsonObject(parent)) return false;
  setMember(parent, token, value);
  return true;
}

/** Takes out what must be there. */
export function removeAt(parent: Json | undefined, token: string): void {
  if (Array.isArray(parent)) parent.splice(Number(token), 1);
  else if (isJsonObject(parent)) delete parent[token];
}

/** Puts `value` in the place of what must be there. */
export function replaceAt(parent: Json | undefined, token: string, value: Json): void {
  if (Array.isArray(parent)) parent[Number(token)] = value;
  else if (isJsonObject(parent)) setMember(parent, token, value);
}

function indexOf(token: string): number | undefined {
  return /^(?:0|[1-9][0-9]{0,9})$/.test(token) ? Number(token) : undefined;
}
