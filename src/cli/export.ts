import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { jsonLine } from "../http/representations/json.ts";
import { CommandFailure, exitCodes } from "./failure.ts";
import { type Client, keyQuery, refusal } from "./http.ts";
import type { StatusDocument } from "./status-view.ts";
import { startProgress } from "./terminal/progress.ts";
import { readLines } from "./transfer/lines.ts";
import { encodeValue, type RecordLine } from "./transfer/record-line.ts";

/** A line of the server's list. */
interface Entry extends RecordLine {
  readonly type: string;
  readonly size: number;
}

/** A line before members that say nothing are left out. */
type FullLine = { readonly [Member in keyof RecordLine]-?: RecordLine[Member] | undefined };

/** So many values are fetched at once, where the list does not show them byte for byte. */
const fetchesMax = 16;

/** Writes every record as one line of JSON, in key order, with its exact bytes. */
export async function exportRecords(client: Client, options: { prefix?: string; output?: string }): Promise<number> {
  let count = 0;
  const isShown = options.output !== undefined || !process.stdout.isTTY;
  const total = isShown && process.stderr.isTTY ? await estimate(client, options.prefix) : undefined;
  const progress = isShown ? startProgress({ what: "exporting", unit: "records", total }) : undefined;
  async function* lines(): AsyncGenerator<string> {
    for await (const record of records(client, options.prefix)) {
      count += 1;
      progress?.update(count);
      yield jsonLine(JSON.stringify(record));
    }
  }
  const output = options.output === undefined ? process.stdout : createWriteStream(options.output);
  try {
    await pipeline(lines, output, { end: output !== process.stdout });
  } finally {
    progress?.stop();
  }
  process.stderr.write(`exported ${count}\n`);
  return exitCodes.done;
}

/** How many records the last comparison of the partitions found, if the server knows. */
async function estimate(client: Client, prefix: string | undefined): Promise<number | undefined> {
  if (prefix !== undefined) return undefined;
  const response = await client.request("/status", { headers: { Accept: "application/json" } });
  // A token that may read need not be one that may see the status.
  if (!response.ok) return undefined;
  return ((await response.json()) as StatusDocument).sync.lastPass?.records;
}

async function* records(client: Client, prefix: string | undefined): AsyncGenerator<RecordLine> {
  const waiting: Promise<RecordLine | undefined>[] = [];
  for await (const entry of entries(client, prefix)) {
    const record = Promise.resolve(exactRecord(client, entry));
    // Its failure is met below, when it is its turn.
    record.catch(() => {});
    waiting.push(record);
    if (waiting.length < fetchesMax) continue;
    const first = await waiting.shift();
    if (first !== undefined) yield first;
  }
  for (const record of waiting) {
    const next = await record;
    if (next !== undefined) yield next;
  }
}

async function* entries(client: Client, prefix: string | undefined): AsyncGenerator<Entry> {
  const response = await client.request("/kv", {
    query: { values: "true", prefix },
    headers: { Accept: "application/x-ndjson" },
  });
  if (!response.ok) throw await refusal("export", response);
  if (response.body === null) return;
  try {
    for await (const line of readLines(Readable.fromWeb(response.body), 0, 0)) {
      yield JSON.parse(line.bytes.toString("utf8")) as Entry;
    }
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(`export: the list broke off (${(error as Error).message}); what was written is not all`);
  }
}

/** The list shows JSON values as JSON, with spaces for line breaks: such a record is fetched by itself. */
function exactRecord(client: Client, entry: Entry): RecordLine | Promise<RecordLine | undefined> {
  const { key, type, value, encoding, metadata, expires, version } = entry;
  const isExact = encoding !== undefined || !/[/+]json\s*(;|$)/i.test(type);
  if (!isExact) return fetchRecord(client, key);
  return toLine({ key, type, metadata, expires, version, value, encoding: encoding ?? "utf8" });
}

/** Without the members that say nothing. */
function toLine({ metadata, expires, ...others }: FullLine): RecordLine {
  const hasMetadata = metadata !== undefined && Object.keys(metadata).length > 0;
  return { ...others, ...(hasMetadata && { metadata }), ...(expires !== undefined && { expires }) } as RecordLine;
}

async function fetchRecord(client: Client, key: string): Promise<RecordLine | undefined> {
  const response = await client.request("/kv", { query: keyQuery(key) });
  if (response.status === 404) {
    // It was deleted, or expired, since it was listed.
    await response.body?.cancel();
    return undefined;
  }
  if (!response.ok) throw await refusal(`export ${key}`, response);
  const bytes = Buffer.from(await response.arrayBuffer());
  const { headers } = response;
  const expires = headers.get("Kvasir-Expires");
  const names = [...headers.keys()].filter((name) => name.startsWith(metadataPrefix));
  return toLine({
    key,
    type: headers.get("Content-Type") ?? "",
    metadata: Object.fromEntries(names.map((name) => [name.slice(metadataPrefix.length), headers.get(name)!])),
    expires: expires === null ? undefined : new Date(expires).toISOString(),
    version: headers.get("Kvasir-Version") ?? "",
    ...encodeValue(bytes),
  });
}

const metadataPrefix = "kvasir-meta-";
