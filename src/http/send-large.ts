import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { PartTurns } from "./part-turns.ts";
import type { SlowReaders } from "./slow-readers.ts";

/** Larger answers are handed over in parts of this length, the next when one was taken, so that it is seen who takes none. */
export const partBytes = 64 * 2 ** 10;

/** What large answers may take of a turn of the event loop, all connections of this process together. */
const turnMs = 0.2;

/** What takes the system no time worth mentioning need not wait: a piece of a list is mostly smaller. */
const smallBytes = 4 * 2 ** 10;

const turns = new PartTurns(turnMs, () => performance.now());

/** Sends a body for which `readers` has room, and gives that back. Rejects when the client is gone. */
export async function sendParts(
  response: ServerResponse,
  socket: Socket,
  body: Uint8Array,
  readers: SlowReaders,
): Promise<void> {
  try {
    await writeParts(response, body);
    response.end();
  } finally {
    readers.release(socket, body.length);
  }
}

/** Sends a body that is made on the way: what comes next is made when the client has taken what came before. */
export async function sendStream(
  response: ServerResponse,
  socket: Socket,
  body: AsyncIterable<string>,
  readers: SlowReaders,
): Promise<void> {
  for await (const text of body) {
    const bytes = Buffer.from(text);
    readers.hold(socket, bytes.length);
    try {
      await writeParts(response, bytes);
    } finally {
      readers.release(socket, bytes.length);
    }
  }
  response.end();
}

async function writeParts(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length; sent += partBytes) {
    if (bytes.length > smallBytes) await turns.take();
    if (response.destroyed) throw new ClientGone();
    if (!response.write(bytes.subarray(sent, sent + partBytes))) await drained(response);
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      response.off("close", onClose);
      resolve();
    };
    const onClose = () => {
      response.off("drain", onDrain);
      reject(new ClientGone());
    };
    response.once("drain", onDrain).once("close", onClose);
  });
}

/** The connection ended before its client had taken all of the answer. */
export class ClientGone extends Error {}
