import { once } from "node:events";
import { ConfigError } from "../errors.ts";
import { exitCodes } from "./failure.ts";
import { type Client, refusal } from "./http.ts";
import { fittedTable, outputWidth } from "./terminal/table.ts";

interface ListOptions {
  readonly delimiter?: string;
  readonly limit?: string;
  readonly values?: boolean;
  /** Size, time, media type and expiry beside each key. */
  readonly long?: boolean;
  readonly json?: boolean;
}

interface Entry {
  readonly key: string;
  readonly type: string;
  readonly size: number;
  readonly modified: string;
  readonly expires?: string;
  readonly value?: unknown;
  readonly encoding?: string;
}

interface Page {
  readonly keys: readonly Entry[];
  readonly prefixes?: readonly string[];
  readonly cursor?: string;
}

/**
 * Lists keys and common prefixes, page after page, until there are no more or `limit` is reached. What stands beside
 * the keys is cut to fit a terminal; elsewhere columns are separated by tabs and whole.
 */
export async function list(client: Client, prefix: string, options: ListOptions): Promise<number> {
  const all: { keys: unknown[]; prefixes: string[] } = { keys: [], prefixes: [] };
  for await (const { keys, prefixes = [] } of pages(client, prefix, options)) {
    if (options.json) {
      all.keys.push(...keys);
      all.prefixes.push(...prefixes);
    } else {
      const rows = [...keys.map((entry) => cells(entry, options)), ...prefixes.map((prefix) => [onOneLine(prefix)])];
      await print(layOut(rows).join(""));
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

function cells(entry: Entry, { long, values }: ListOptions): string[] {
  const { key, size, modified, type, expires } = entry;
  const facts = long ? [String(size), modified, onOneLine(type), expires ? `expires ${expires}` : ""] : [];
  return [onOneLine(key), ...facts, ...(values ? [valueText(entry)] : [])];
}

function valueText({ value, encoding }: Entry): string {
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  return encoding === "base64" ? `base64:${shown}` : onOneLine(shown);
}

/** Keys alone are never cut, so that they can be copied. */
function layOut(rows: readonly (readonly string[])[]): string[] {
  const isTable = process.stdout.isTTY && rows.some((row) => row.length > 1);
  const lines = isTable ? fittedTable(rows, outputWidth()) : rows.map((row) => row.join("\t"));
  return lines.map((line) => `${line}\n`);
}

/** Percent-encodes `%` and control characters, as the server's text form does. */
function onOneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[%\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, encodeURIComponent);
}

async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}
