type HeaderFields = { readonly [name: string]: string | readonly string[] };
/** Names and values in turn, which takes less time to send. Whoever sends it may append to it. */
export type HeaderList = string[];

/** What a route gives back, before anything is sent. Header names are spelled as they go on the wire. */
export interface Answer {
  readonly status: number;
  readonly headers: HeaderFields | HeaderList;
  /** What is made on the way is asked for part by part, as fast as the client takes it. */
  readonly body?: Uint8Array | string | AsyncIterable<string>;
}
