import { isUtf8 } from "node:buffer";
import { StoreError } from "../errors.ts";

const typeBytesMax = 255;
const utf8Text = "text/plain; charset=utf-8";

/**
 * The media type that a PUT stores: the client's own, verbatim. `curl -d` says `application/x-www-form-urlencoded`
 * unasked, so that one and none at all are decided by the body: text when it is UTF-8, else bytes.
 *
 * @throws StoreError `invalid_header` when it is too long or not visible ASCII.
 */
export function storedType(contentType: string | undefined, body: Uint8Array): string {
  if (contentType === undefined || contentType === "" || essence(contentType) === "application/x-www-form-urlencoded") {
    return isUtf8(body) ? utf8Text : "application/octet-stream";
  }
  if (contentType.length > typeBytesMax) {
    throw new StoreError("invalid_header", `Content-Type has more than the ${typeBytesMax} bytes allowed`);
  }
  if (!/^[\x20-\x7e]+$/.test(contentType)) {
    throw new StoreError("invalid_header", "Content-Type has characters other than visible ASCII");
  }
  return contentType;
}

/** `application/json` and every `+json` type. */
export function isJsonType(type: string): boolean {
  const name = essence(type);
  return name === "application/json" || /^[^/]+\/[^/]+\+json$/.test(name);
}

export function isTextType(type: string): boolean {
  return essence(type).startsWith("text/");
}

/** With these a stored page can do nothing on this origin. */
export const rawValueHeaders = [
  "X-Content-Type-Options",
  "nosniff",
  "Content-Security-Policy",
  "sandbox",
  "Accept-Ranges",
  "bytes",
];

/** The type without parameters, in lower case. */
function essence(type: string): string {
  const semicolon = type.indexOf(";");
  return (semicolon < 0 ? type : type.slice(0, semicolon)).trim().toLowerCase();
}
