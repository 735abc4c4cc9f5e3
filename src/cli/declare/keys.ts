import type { Command } from "commander";
import { addExamples, addServer, client, collect, type Finish } from "./declaring.ts";

/** The commands that ask a server for keys, or for its state. */
export function declareKeyCommands(program: Command, finish: Finish): void {
  const declare = (name: string, ...examples: readonly string[]) =>
    addServer(addExamples(program.command(name), ...examples));

  declare("get <key>", "kvasir get greeting", "kvasir get photo -o copy.jpg")
    .description("write a value's bytes to stdout, or say on stderr that there is none (exit code 1)")
    .option("-o, --output <file>", "write to a file instead")
    .action(async (key: string, options) => {
      const { get } = await import("../get.ts");
      finish(await get(await client(options), key, options));
    });

  declare(
    "put <key> [value]",
    "kvasir put greeting hello",
    "kvasir put photo --file photo.jpg --type image/jpeg --meta owner=ann",
    "date | kvasir put session/abc --ttl 30m",
    "kvasir put lock 'only the first one gets it' --if-none-match",
  )
    .description("store a value, from the argument, a file or stdin")
    .option("--file <file>", "take the value from a file")
    .option("--type <type>", "the media type (default: text if it is UTF-8, else application/octet-stream)")
    .option("--ttl <time>", "for how long, such as 500ms, 60s or 2h")
    .option("--meta <name=value>", "metadata; may be repeated", collect)
    .option("--if-match <version>", "only if the key has this version")
    .option("--if-none-match", "only if there is no such key")
    .action(async (key: string, value: string | undefined, options) => {
      const { put } = await import("../put.ts");
      finish(await put(await client(options), key, value, options));
    });

  declare("delete <key>", "kvasir delete greeting", "kvasir delete -- -a-key-with-a-dash")
    .description("delete a key")
    .option("--if-match <version>", "only if the key has this version")
    .action(async (key: string, options) => {
      const { deleteKey } = await import("../delete.ts");
      finish(await deleteKey(await client(options), key, options));
    });

  declare("list [prefix]", "kvasir list", "kvasir list user/ --long", "kvasir list --delimiter / --limit 20")
    .description("list keys in the order of their bytes, one a line; control characters and % as %XX")
    .option("--delimiter <text>", "show what follows it as one prefix, such as /")
    .option("--limit <number>", "at most so many (default: all)")
    .option("-l, --long", "with size, time of change, media type and expiry")
    .option("--values", "with their values, last on the line")
    .option("--json", "one JSON document")
    .action(async (prefix: string | undefined, options) => {
      const { list } = await import("../list.ts");
      finish(await list(await client(options), prefix ?? "", options));
    });

  declare("status", "kvasir status", "kvasir status --json", "kvasir status --watch=5")
    .description("show the partitions and what they owe each other; exit code 1 while something is missing")
    .option("--watch [seconds]", "again and again, until Ctrl-C (default: every second)")
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { status } = await import("../status.ts");
      finish(await status(await client(options), options));
    });
}
