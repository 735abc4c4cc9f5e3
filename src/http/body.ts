import type { IncomingMessage } from "node:http";
import { StoreError } from "../errors.ts";
import type { Exchange } from "./exchange.ts";
import type { PaceCheck } from "./pace-check.ts";

const noBytes = new Uint8Array(0);

/** Receives request bodies, all of them together within one budget of bytes. */
export class BodyReader {
  readonly #budgetBytes: number;
  readonly #paceCheck: PaceCheck;
  #receivedBytes = 0;

  constructor(budgetBytes: number, paceCheck: PaceCheck) {
    this.#budgetBytes = budgetBytes;
    this.#paceCheck = paceCheck;
  }

  /**
   * The whole body, at most `bytesMax` long. A client that waits for `100 Continue` is told to go on only when
   * nothing speaks against the body yet; whoever refuses a request earlier saves it the sending.
   *
   * @throws StoreError `value_too_large` as soon as that is known, `encoding_unsupported`, `overloaded`,
   *   `request_timeout` when it comes too slowly, and `invalid_body` when the connection ends before the body does.
   */
  async read({ raw, response }: Exchange, bytesMax: number): Promise<Uint8Array> {
    const { "content-encoding": encoding, "content-length": length } = raw.headers;
    if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
      throw new StoreError("encoding_unsupported", "Content-Encoding is not accepted; send the bytes as they are");
    }
    if (length !== undefined && Number(length) > bytesMax) throw tooLarge(bytesMax);
    if (!hasBody(raw)) return noBytes;
    if (raw.headers.expect !== undefined) response.writeContinue();
    return this.#receive(raw, bytesMax);
  }

  #receive(raw: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = () => {
        this.#paceCheck.delete(arrival);
        raw.off("data", onData).off("end", onEnd).off("close", onClose);
        this.#receivedBytes -= size;
      };
      const fail = (error: StoreError) => {
        finish();
        raw.pause();
        reject(error);
      };
      const arrival = this.#paceCheck.add(() => fail(tooSlow()));
      const onData = (chunk: Buffer) => {
        size += chunk.length;
        arrival.bytes = size;
        this.#receivedBytes += chunk.length;
        chunks.push(chunk);
        if (size > bytesMax) fail(tooLarge(bytesMax));
        else if (this.#receivedBytes > this.#budgetBytes) fail(overloaded());
      };
      const onEnd = () => {
        finish();
        resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size));
      };
      const onClose = () => fail(new StoreError("invalid_body", "the connection ended before the body was complete"));
      // Its turn may have come when the client was gone already.
      if (raw.destroyed) onClose();
      else raw.on("data", onData).on("end", onEnd).on("close", onClose);
    });
  }
}

/** Resolves when as much of an unread body has been seen as came along with the header fields; nothing without one. */
export function seeBody(raw: IncomingMessage): Promise<void> | undefined {
  if (raw.complete || !hasBody(raw)) return undefined;
  return new Promise((resolve) => setImmediate(resolve));
}

/** Whether the request says that it has a body that is not empty. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const { "content-length": length, "transfer-encoding": encoding } = headers;
  return encoding !== undefined || (length !== undefined && Number(length) > 0);
}

function tooLarge(bytesMax: number): StoreError {
  return new StoreError("value_too_large", `the body is larger than the ${bytesMax} bytes allowed`);
}

function tooSlow(): StoreError {
  return new StoreError("request_timeout", "the body arrived too slowly; see server.body_rate_min");
}

function overloaded(): StoreError {
  return new StoreError("overloaded", "too many bytes are being received at once; try again");
}
