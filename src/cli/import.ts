import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError } from "../errors.ts";
import { exitCodes } from "./failure.ts";
import type { Client } from "./http.ts";
import { startProgress } from "./terminal/progress.ts";
import { type ImportState, loadState, saveState } from "./transfer/import-state.ts";
import { Importer } from "./transfer/importer.ts";
import { readLines } from "./transfer/lines.ts";

interface ImportOptions {
  readonly resume?: string;
  readonly json?: boolean;
}

/**
 * Stores the records of an NDJSON file, or of stdin for `-`. Bad lines are named and the others go on. With a
 * state file an import that was stopped goes on where it safely was, at worst storing some records once more.
 */
export async function importRecords(client: Client, file: string, options: ImportOptions): Promise<number> {
  const source = file === "-" ? "-" : resolve(file);
  const before = loadState(options.resume, source);
  const bytesMax = file === "-" ? undefined : fileSize(file);
  if (bytesMax !== undefined && bytesMax < before.offset) {
    throw new ConfigError(`--resume: ${options.resume} is ahead of ${file}, which is shorter; delete it to begin anew`);
  }
  const progress = startProgress({ what: "importing", unit: "bytes", total: bytesMax, start: before.offset });
  const importer = new Importer(client, before, {
    onBadLine: ({ line, reason }) => progress.print(`kvasir: line ${line}: ${reason}`),
    onAdvance: (state) => {
      progress.update(state.offset);
      if (options.resume !== undefined) saveState(options.resume, state);
    },
  });
  try {
    await importer.run(readLines(open(file, before.offset), before.offset, before.line));
  } finally {
    progress.stop();
  }
  process.stdout.write(summary(importer.state, options.json === true));
  return importer.state.bad === 0 ? exitCodes.done : exitCodes.notAllDone;
}

function fileSize(file: string): number {
  try {
    return statSync(file).size;
  } catch (error) {
    throw new ConfigError(`import: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function open(file: string, offset: number): AsyncIterable<Buffer> {
  return file === "-" ? skip(process.stdin, offset) : createReadStream(file, { start: offset, highWaterMark: 1 << 18 });
}

async function* skip(source: AsyncIterable<Buffer>, offset: number): AsyncGenerator<Buffer> {
  let left = offset;
  for await (const chunk of source) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

function summary({ imported, expired, bad, line }: ImportState, isJson: boolean): string {
  if (isJson) return `${JSON.stringify({ imported, expired, bad, lines: line })}\n`;
  const rest = [...(expired > 0 ? [`${expired} expired and skipped`] : []), ...(bad > 0 ? [`${bad} bad lines`] : [])];
  return `${[`imported ${imported}`, ...rest].join(", ")}\n`;
}
