import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { ConfigError } from "../errors.ts";
import { exitCodes } from "./failure.ts";
import { type Client, keyQuery, refusal } from "./http.ts";

interface PutOptions {
  readonly file?: string;
  readonly type?: string;
  readonly ttl?: string;
  readonly meta?: readonly string[];
  readonly ifMatch?: string;
  readonly ifNoneMatch?: boolean;
}

/** Stores a value and prints the version that it got. */
export async function put(
  client: Client,
  key: string,
  value: string | undefined,
  options: PutOptions,
): Promise<number> {
  if (value !== undefined && options.file !== undefined) {
    throw new ConfigError("put: the value is given twice; leave out VALUE or --file");
  }
  const response = await client.request("/kv", {
    method: "PUT",
    query: { ...keyQuery(key), ttl: options.ttl },
    headers: headers(options),
    body: await readValue(value, options.file),
  });
  if (!response.ok) throw await refusal(`put ${key}`, response);
  const version = response.headers.get("Kvasir-Version") ?? "";
  process.stdout.write(`${response.status === 201 ? "created" : "stored"} ${version}\n`);
  return exitCodes.done;
}

async function readValue(value: string | undefined, file: string | undefined): Promise<Uint8Array<ArrayBuffer>> {
  if (file !== undefined && file !== "-") return new Uint8Array(await readFile(file));
  // Bytes, because for a text `fetch` would add a media type of its own.
  if (value !== undefined && value !== "-") return new TextEncoder().encode(value);
  return new Uint8Array(await buffer(process.stdin));
}

function headers({ type, meta = [], ifMatch, ifNoneMatch }: PutOptions): { [name: string]: string } {
  const headers: { [name: string]: string } = {};
  if (type !== undefined) headers["Content-Type"] = type;
  if (ifMatch !== undefined) headers["If-Match"] = entityTag(ifMatch);
  if (ifNoneMatch) headers["If-None-Match"] = "*";
  for (const pair of meta) {
    const match = /^([A-Za-z0-9._-]+)=([\x20-\x7e]*)$/.exec(pair);
    if (match === null)
      throw new ConfigError(`--meta: expected NAME=VALUE in visible ASCII, got ${JSON.stringify(pair)}`);
    headers[`Kvasir-Meta-${match[1]}`] = match[2]!;
  }
  return headers;
}

/** A version as the header field wants it; quotes that are there already stay. */
export function entityTag(version: string): string {
  return version === "*" || version.startsWith('"') ? version : `"${version}"`;
}
