import type { IncomingMessage } from "node:http";
import { StoreError } from "../errors.ts";
import { formatMetadata, type Metadata } from "../record.ts";

const headerPrefix = "kvasir-meta-";

/**
 * The metadata that a request carries in `Kvasir-Meta-NAME`, as a record stores it. Names are in lower case.
 *
 * @throws StoreError `invalid_header`, `metadata_too_large`.
 */
export function readMetadata({ headers, rawHeaders }: IncomingMessage, bytesMax: number): string {
  const found: [string, string][] = [];
  for (const name in headers) {
    if (name.startsWith(headerPrefix)) found.push([name.slice(headerPrefix.length), String(headers[name])]);
  }
  if (found.length === 0) return "";
  const given = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase().startsWith(headerPrefix));
  // Node has joined those that were given twice.
  if (given.length > found.length) {
    throw new StoreError("invalid_header", "a Kvasir-Meta header is given twice; give each name once");
  }
  return checkedMetadata(Object.fromEntries(found), bytesMax, "invalid_header");
}

/** @throws StoreError `code`, `metadata_too_large`. */
export function checkedMetadata(metadata: Metadata, bytesMax: number, code: "invalid_header" | "invalid_body"): string {
  let bytes = 0;
  const lowered: [string, string][] = [];
  for (const [name, text] of Object.entries(metadata)) {
    if (!isHeaderName(name)) throw new StoreError(code, `the metadata name ${JSON.stringify(name)} is no header name`);
    if (!isMetadataText(text)) {
      throw new StoreError(code, `the metadata ${name} has characters other than visible ASCII and spaces`);
    }
    bytes += name.length + text.length;
    lowered.push([name.toLowerCase(), text]);
  }
  if (bytes > bytesMax) {
    throw new StoreError("metadata_too_large", `the metadata has ${bytes} bytes; at most ${bytesMax} are allowed`);
  }
  return formatMetadata(Object.fromEntries(lowered));
}

/** Whether a header can carry the metadata: other programs may have written what these rules would refuse. */
export function canBeHeader(name: string, text: string): boolean {
  return isHeaderName(name) && isMetadataText(text);
}

function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
}

function isMetadataText(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
