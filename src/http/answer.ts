import type { Readable } from "node:stream";

/** What a route gives back, before anything is sent. Header names are spelled as they go on the wire. */
export interface Answer {
  readonly status: number;
  readonly headers: { readonly [name: string]: string | readonly string[] };
  readonly body?: Uint8Array | string | Readable;
}
