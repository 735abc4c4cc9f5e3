import type { IncomingMessage } from "node:http";
import { StoreError } from "../errors.ts";
import type { Exchange } from "./exchange.ts";
import type { PaceCheck } from "./pace-check.ts";

const noBytes = new Uint8Array(0);

/** Receives request bodies. All that are not answered yet are together within one budget of bytes. */
export class BodyReader {
  readonly #budgetBytes: number;
  readonly #paceCheck: PaceCheck;
  #heldBytes = 0;

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
  async read(exchange: Exchange, bytesMax: number): Promise<Uint8Array> {
    const { raw, response } = exchange;
    const { "content-encoding": encoding, "content-length": length } = raw.headers;
    if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
      throw new StoreError("encoding_unsupported", "Content-Encoding is not accepted; send the bytes as they are");
    }
    if (length !== undefined && Number(length) > bytesMax) throw tooLarge(bytesMax);
    if (!hasBody(raw)) return noBytes;
    if (length !== undefined && this.#heldBytes + Number(length) > this.#budgetBytes) throw overloaded();
    if (raw.headers.expect !== undefined) response.writeContinue();
    return this.#receive(exchange, bytesMax);
  }

  /** Called when the request is answered. */
  release({ heldBytes = 0 }: Exchange): void {
    this.#heldBytes -= heldBytes;
  }

  #receive(exchange: Exchange, bytesMax: number): Promise<Uint8Array> {
    const { raw } = exchange;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = () => {
        this.#paceCheck.delete(arrival);
        raw.off("data", onData).off("end", onEnd).off("close", onClose);
      };
      const fail = (error: StoreError) => {
        finish();
        this.#heldBytes -= size;
        raw.pause();
        reject(error);
      };
      const arrival = this.#paceCheck.add(() => fail(tooSlow()));
      const onData = (chunk: Buffer) => {
        size += chunk.length;
        arrival.bytes = size;
        this.#heldBytes += chunk.length;
        chunks.push(chunk);
        if (size > bytesMax) fail(tooLarge(bytesMax));
        else if (this.#heldBytes > this.#budgetBytes) fail(overloaded());
      };
      const onEnd = () => {
        finish();
        exchange.heldBytes = size;
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
  return new StoreError("overloaded", "too many bytes of other requests are held already; try again");
}
