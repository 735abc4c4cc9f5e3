/** Reading and writing values over the same HTTP interface that everybody else has. */

/**
 * @typedef {object} Content what is stored under a key
 * @property {Uint8Array | Blob | string} value
 * @property {string} type
 * @property {string} ttl such as `30m`; empty for none
 * @property {string} metadata one `name: text` a line
 *
 * @typedef {object} Stored a value as it is now
 * @property {Uint8Array} bytes
 * @property {string | undefined} text `undefined` when it is not text
 * @property {string} type
 * @property {string} tag
 * @property {number | undefined} expires in ms
 * @property {string} metadata
 *
 * @typedef {object} Outcome
 * @property {number} status
 * @property {string} tag of what is stored now, when it was stored
 * @property {string} detail what was wrong; empty when nothing was
 */

/** @param {string} key */
export function keyAddress(key) {
  return `/kv?key=${encodeURIComponent(key)}`;
}

/**
 * `undefined` when nothing is stored there.
 * @param {string} key
 * @returns {Promise<Stored | undefined>}
 */
export async function read(key) {
  const response = await fetch(`${keyAddress(key)}&format=raw`, { cache: "no-cache" });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(await problemOf(response));
  const bytes = new Uint8Array(await response.arrayBuffer());
  const { headers } = response;
  const expires = headers.get("Kvasir-Expires");
  const metadata = [...headers].filter(([name]) => name.startsWith("kvasir-meta-"));
  return {
    bytes,
    text: textOf(bytes),
    type: headers.get("Content-Type") ?? "",
    tag: headers.get("ETag") ?? "",
    expires: expires === null ? undefined : Date.parse(expires),
    metadata: metadata.map(([name, text]) => `${name.slice("kvasir-meta-".length)}: ${text}`).join("\n"),
  };
}

/**
 * Stores it if `condition` holds: without one nothing here writes.
 * @param {string} key
 * @param {Content} content
 * @param {{ readonly "If-Match": string } | { readonly "If-None-Match": "*" }} condition
 * @returns {Promise<Outcome>}
 */
export async function write(key, { value, type, ttl, metadata }, condition) {
  const headers = new Headers({ ...condition, Accept: "application/json" });
  if (type !== "") headers.set("Content-Type", type);
  for (const line of metadata.split("\n").filter((each) => each.trim() !== "")) {
    const colon = line.indexOf(":");
    if (colon < 1) return { status: 0, tag: "", detail: `The metadata line “${line}” has no colon: write name: text.` };
    headers.set(`Kvasir-Meta-${line.slice(0, colon).trim()}`, line.slice(colon + 1).trim());
  }
  const expiry = ttl === "" ? "" : `&ttl=${encodeURIComponent(ttl)}`;
  const body = typeof value === "string" || value instanceof Blob ? value : new Blob([value.slice()]);
  return outcomeOf(await fetch(keyAddress(key) + expiry, { method: "PUT", headers, body }));
}

/**
 * @param {string} key
 * @param {string} tag
 * @returns {Promise<Outcome>}
 */
export async function remove(key, tag) {
  const headers = { "If-Match": tag, Accept: "application/json" };
  return outcomeOf(await fetch(keyAddress(key), { method: "DELETE", headers }));
}

/** @param {Response} response */
async function outcomeOf(response) {
  const { status, headers } = response;
  return { status, tag: headers.get("ETag") ?? "", detail: response.ok ? "" : await problemOf(response) };
}

/** @param {Response} response */
async function problemOf(response) {
  try {
    return `${response.status}: ${(await response.json()).detail}`;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {string | undefined}
 */
function textOf(bytes) {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
