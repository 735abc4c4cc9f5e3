import type { Metadata } from "./options.ts";
import { decodeValue } from "./value.ts";

/** What a list says of a key. */
export interface Listed {
  readonly key: string;
  readonly type: string;
  /** Bytes of the value. */
  readonly size: number;
  /** For `ifMatch`. */
  readonly version: string;
  /** When the version was made. */
  readonly modified: Date;
  /** `undefined` when it does not expire. */
  readonly expires: Date | undefined;
}

/** A stored value with all that is known of it. */
export class Entry implements Listed {
  readonly key: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly size: number;
  readonly version: string;
  readonly modified: Date;
  readonly expires: Date | undefined;
  readonly metadata: Metadata;

  constructor(listed: Omit<Listed, "size">, bytes: Uint8Array<ArrayBuffer>, metadata: Metadata) {
    this.key = listed.key;
    this.bytes = bytes;
    this.type = listed.type;
    this.size = bytes.length;
    this.version = listed.version;
    this.modified = listed.modified;
    this.expires = listed.expires;
    this.metadata = metadata;
  }

  /** The bytes as UTF-8. */
  text(): string {
    // A byte order mark is part of the value.
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.bytes);
  }

  /** @throws SyntaxError when the value is no JSON. `T` is what the caller expects, and is not checked. */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}

/** What a write did. */
export interface Written {
  readonly version: string;
  /** Whether a value was there before; `undefined` when a stand-in took the write and cannot know. */
  readonly existed: boolean | undefined;
  /** How many of the replicas had it when the answer was sent. */
  readonly confirmed: number;
  readonly replicas: number;
}

/** A record as lists and batches show it. */
export interface RecordDocument {
  readonly key: string;
  readonly type: string;
  readonly size?: number;
  readonly version: string;
  readonly modified: string;
  readonly expires?: string;
  readonly value?: unknown;
  readonly encoding?: string;
  readonly metadata?: Metadata;
}

export function listedOf({ key, type, size = 0, version, modified, expires }: RecordDocument): Listed {
  const dates = { modified: new Date(modified), expires: expires === undefined ? undefined : new Date(expires) };
  return { key, type, size, version, ...dates };
}

export function entryOf(document: RecordDocument): Entry {
  const { value, encoding, type, metadata = {} } = document;
  return new Entry(listedOf(document), decodeValue(value, encoding, type), metadata);
}

export function answeredDescription(key: string, headers: Headers): Omit<Listed, "size"> {
  const expires = headers.get("kvasir-expires");
  return {
    key,
    type: headers.get("content-type") ?? "",
    version: headers.get("kvasir-version") ?? "",
    modified: new Date(headers.get("last-modified") ?? 0),
    expires: expires === null ? undefined : new Date(expires),
  };
}

export function answeredEntry(key: string, headers: Headers, bytes: Uint8Array<ArrayBuffer>): Entry {
  const metadata: [string, string][] = [];
  headers.forEach((text, name) => {
    if (name.startsWith("kvasir-meta-")) metadata.push([name.slice("kvasir-meta-".length), text]);
  });
  return new Entry(answeredDescription(key, headers), bytes, Object.fromEntries(metadata));
}

export function answeredWrite(headers: Headers): Written {
  const existed = headers.get("kvasir-existed");
  const [confirmed = "", replicas = ""] = (headers.get("kvasir-replicas") ?? "").split("/");
  return {
    version: headers.get("kvasir-version") ?? "",
    existed: existed === null ? undefined : existed === "true",
    confirmed: Number(confirmed),
    replicas: Number(replicas),
  };
}
