import { once } from "node:events";
import { ConfigError } from "../errors.ts";
import { exitCodes } from "./failure.ts";
import { type Client, refusal } from "./http.ts";

interface ListOptions {
  readonly delimiter?: string;
  readonly limit?: string;
  readonly values?: boolean;
  readonly json?: boolean;
}

interface Page {
  readonly keys: readonly { readonly key: string; readonly value?: unknown; readonly encoding?: string }[];
  readonly prefixes?: readonly string[];
  readonly cursor?: string;
}

/** Lists keys and common prefixes, page after page, until there are no more or `limit` is reached. */
export async function list(client: Client, prefix: string, options: ListOptions): Promise<number> {
  const all: { keys: unknown[]; prefixes: string[] } = { keys: [], prefixes: [] };
  for await (const { keys, prefixes = [] } of pages(client, prefix, options)) {
    if (options.json) {
      all.keys.push(...keys);
      all.prefixes.push(...prefixes);
    } else {
      const lines = [...keys.map((entry) => entryLine(entry, options.values === true)), ...prefixes.map(onOneLine)];
      await print(lines.map((line) => `${line}\n`).join(""));
    }
  }
  const { keys, prefixes } = all;
  if (options.json) await print(`${JSON.stringify(prefixes.length === 0 ? { keys } : { keys, prefixes })}\n`);
  return exitCodes.done;
}

async function* pages(client: Client, prefix: string, options: ListOptions): AsyncGenerator<Page> {
  let left = parseLimit(options.limit);
  let cursor: string | undefined;
  do {
    const response = await client.request("/kv", {
      query: {
        prefix,
        delimiter: options.delimiter,
        values: options.values ? "true" : undefined,
        limit: left === Number.POSITIVE_INFINITY ? undefined : String(Math.min(left, pageLimit)),
        cursor,
      },
      headers: { Accept: "application/json" },
    });
    if (!response.ok) throw await refusal("list", response);
    const page = (await response.json()) as Page;
    yield page;
    left -= page.keys.length + (page.prefixes?.length ?? 0);
    cursor = page.cursor;
  } while (cursor !== undefined && left > 0);
}

/** Every server gives so many keys a page, whatever its `list_limit_max`. */
const pageLimit = 100;

function parseLimit(limit: string | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9][0-9]{0,14}$/.test(limit)) return Number(limit);
  throw new ConfigError(`--limit: expected a whole number from 1, got ${JSON.stringify(limit)}`);
}

function entryLine({ key, value, encoding }: Page["keys"][number], withValue: boolean): string {
  if (!withValue) return onOneLine(key);
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  return `${onOneLine(key)}\t${encoding === "base64" ? `base64:${shown}` : onOneLine(shown)}`;
}

/** Percent-encodes `%` and control characters, as the server's text form does. */
function onOneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[%\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, encodeURIComponent);
}

async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}
