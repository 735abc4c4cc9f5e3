import type { Command } from "commander";
import { addExamples, addServer, client, type Finish } from "./declaring.ts";

/** The commands that carry whole stores. */
export function declareTransferCommands(program: Command, finish: Finish): void {
  const declare = (name: string, ...examples: readonly string[]) =>
    addServer(addExamples(program.command(name), ...examples));

  declare("export", "kvasir export -o kvasir.ndjson", "kvasir export --prefix user/ | gzip > users.ndjson.gz")
    .description("write all keys and values as NDJSON, one record a line, binary safe")
    .option("--prefix <prefix>", "only keys that begin with it")
    .option("-o, --output <file>", "write to a file instead of stdout")
    .action(async (options) => {
      const { exportRecords } = await import("../export.ts");
      finish(await exportRecords(await client(options), options));
    });

  declare(
    "import <file>",
    "kvasir import kvasir.ndjson --resume import.state",
    "gzip -dc users.ndjson.gz | kvasir import -",
  )
    .description("store the records of an NDJSON file as export writes it; - for stdin")
    .option("--resume <statefile>", "remember there how far it came, and go on from there after a stop")
    .option("--json", "a JSON summary")
    .action(async (file: string, options) => {
      const { importRecords } = await import("../import.ts");
      finish(await importRecords(await client(options), file, options));
    });
}
