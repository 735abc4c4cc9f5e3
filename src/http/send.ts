import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "./answer.ts";
import { hasBody } from "./body.ts";
import { partBytes, sendParts, sendStream } from "./send-large.ts";
import type { SlowReaders } from "./slow-readers.ts";

/** How long, and how much of, a body that nobody wants is received so that its sender can read the answer. */
const lingerMs = 1000;
const lingerBytes = 2 ** 26;

/**
 * Bytes up to this length are handed over as text with a character a byte: Node then sends them together with the
 * header fields in one write, which takes a third less time than two.
 */
const joinedBytesMax = 8 * 2 ** 10;

/**
 * Writes an answer to the socket: the one place that does, with `fields` behind its own. A HEAD gets the headers of the GET. With `isLast` the
 * connection closes afterwards, as it does when the request's body was not received.
 *
 * A promise is given for a body that is large or made on the way, and rejects when making or sending it fails.
 *
 * @throws StoreError `overloaded` before anything is sent, when `readers` has no room for a large answer.
 */
export function sendAnswer(
  raw: IncomingMessage,
  response: ServerResponse,
  { status, headers, body = "" }: Answer,
  preferenceApplied: string | undefined,
  isLast: boolean,
  readers: SlowReaders,
  fields?: readonly string[],
): Promise<void> | undefined {
  if (response.destroyed) return undefined;
  const isUnread = !raw.complete && hasBody(raw);
  // Node takes a list as it is, where it copies an object.
  const sent = Array.isArray(headers) ? headers : (Object.entries(headers).flat() as string[]);
  if (preferenceApplied !== undefined) sent.push("Preference-Applied", preferenceApplied);
  if (fields !== undefined) sent.push(...fields);
  if (isLast || isUnread) sent.push("Connection", "close");

  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    response.writeHead(status, sent);
    if (raw.method !== "HEAD") return sendStream(response, raw.socket, body, readers);
    response.end();
    return undefined;
  }
  const hasNoBody = status === 204 || status === 304;
  const isBodySent = !hasNoBody && raw.method !== "HEAD";
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  if (!hasNoBody) sent.push("Content-Length", String(length));
  if (isBodySent && length > partBytes && !isUnread) {
    readers.hold(raw.socket, length);
    response.writeHead(status, sent);
    return sendParts(response, raw.socket, typeof body === "string" ? Buffer.from(body) : body, readers);
  }
  response.writeHead(status, sent);
  if (isUnread) endLater(raw, response, isBodySent ? body : "");
  else if (!isBodySent) response.end();
  else if (typeof body === "string" || length > joinedBytesMax) response.end(body);
  else response.end(Buffer.from(body.buffer, body.byteOffset, length).toString("latin1"), "latin1");
  return undefined;
}

/**
 * Sends all of the answer, and closes only when the client had time to read it: closing a socket with unread bytes
 * resets it, and the reset may overtake the answer.
 */
function endLater(raw: IncomingMessage, response: ServerResponse, body: string | Uint8Array): void {
  if (body.length > 0) response.write(body);
  else response.flushHeaders();
  let left = lingerBytes;
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  raw.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) end();
  });
  raw.once("end", end).once("close", end).resume();
}
