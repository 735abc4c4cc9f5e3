import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { exitCodes } from "./failure.ts";
import { type Client, keyQuery, refusal } from "./http.ts";

/** Writes the value's bytes, unchanged, to stdout or to a file that is only made when there is a value. */
export async function get(client: Client, key: string, options: { output?: string }): Promise<number> {
  const response = await client.request("/kv", { query: keyQuery(key) });
  if (response.status === 404) {
    process.stderr.write(`kvasir: nothing is stored under ${JSON.stringify(key)}\n`);
    await response.body?.cancel();
    return exitCodes.notAllDone;
  }
  if (!response.ok) throw await refusal(`get ${key}`, response);
  const target = options.output === undefined ? process.stdout : createWriteStream(options.output);
  if (response.body !== null)
    await pipeline(Readable.fromWeb(response.body), target, { end: target !== process.stdout });
  return exitCodes.done;
}
