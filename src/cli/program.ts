import { Command, CommanderError } from "commander";
import { parseDuration } from "../config/kinds.ts";
import { ConfigError } from "../errors.ts";
import { addConfigFile, addConfigFlags, configSources } from "./config-flags.ts";
import { exitCodes, reportFailure } from "./failure.ts";
import type { ServerFlags } from "./http.ts";

/** Runs one command line and gives its exit code. Each command's code is loaded only when it is called. */
export async function run(args: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.done;
  const finish = (code: number) => {
    exitCode = code;
  };
  // Whoever reads our output may stop early, as head does.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? exitCodes.done : exitCodes.notAllDone);
  });
  try {
    await declare(args, finish).parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage;
    return reportFailure(error);
  }
}

function declare(args: readonly string[], finish: (exitCode: number) => void): Command {
  const program = new Command("kvasir")
    .description("An HTTP key-value store over MySQL, MariaDB or SQLite.")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) })
    .showHelpAfterError(false)
    .addHelpText("after", "\nExit codes: 0 done, 1 not all done, 2 wrong usage or configuration.");
  declareServerCommands(program, args, finish);
  declareKeyCommands(program, finish);
  declareTransferCommands(program, finish);
  declareTokenCommands(program, args, finish);
  return program;
}

function declareServerCommands(program: Command, args: readonly string[], finish: (exitCode: number) => void): void {
  addConfigFlags(program.command("serve"), args)
    .description("answer HTTP requests until SIGTERM or SIGINT")
    .action(async (options) => {
      const { serve } = await import("./serve.ts");
      finish(await serve(configSources(options)));
    });
  addConfigFlags(program.command("init"), args)
    .description("create the tables on every partition")
    .option("--print", "only print the SQL, for a database administrator")
    .action(async (options) => {
      const { init } = await import("./init.ts");
      finish(await init(configSources(options), { print: options.print === true }));
    });
  addConfigFlags(program.command("sync"), args)
    .description("deliver what partitions owe each other, compare, mend and purge; exit code 1 while something is owed")
    .option("--every <time>", "again and again, such as 1m (default: once)")
    .option("--partition <name>", "only what is owed by and to this one")
    .option("--json", "one JSON document a round")
    .action(async (options) => {
      const { sync } = await import("./sync.ts");
      const everyMs = options.every === undefined ? undefined : parseDuration(options.every);
      if (options.every !== undefined && !everyMs) throw new ConfigError("--every: expected a time such as 30s or 1m");
      const { partition, json } = options;
      finish(await sync(configSources(options), { everyMs, partition, json: json === true }));
    });
  addConfigFlags(program.command("check"), args)
    .description("compare all replicas; exit code 1 when something differs")
    .option("--repair", "mend what differs")
    .option("--deep", "also check every value against its fingerprints")
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { check } = await import("./check.ts");
      const { repair, deep, json } = options;
      const flags = { isRepair: repair === true, isDeep: deep === true, json: json === true };
      finish(await check(configSources(options), flags));
    });
  if (process.env.KVASIR_ENV !== "test") return;
  addConfigFlags(program.command("wipe"), args)
    .description("delete all keys; only with KVASIR_ENV=test")
    .action(async (options) => {
      const { wipe } = await import("./wipe.ts");
      finish(await wipe(configSources(options)));
    });
}

function declareKeyCommands(program: Command, finish: (exitCode: number) => void): void {
  addServer(program.command("get <key>"))
    .description("write a value's bytes to stdout, or say on stderr that there is none (exit code 1)")
    .option("-o, --output <file>", "write to a file instead")
    .action(async (key: string, options) => {
      const { get } = await import("./get.ts");
      finish(await get(await client(options), key, options));
    });
  addServer(program.command("put <key> [value]"))
    .description("store a value, from the argument, a file or stdin")
    .option("--file <file>", "take the value from a file")
    .option("--type <type>", "the media type (default: text if it is UTF-8, else application/octet-stream)")
    .option("--ttl <time>", "for how long, such as 500ms, 60s or 2h")
    .option("--meta <name=value>", "metadata; may be repeated", collect)
    .option("--if-match <version>", "only if the key has this version")
    .option("--if-none-match", "only if there is no such key")
    .action(async (key: string, value: string | undefined, options) => {
      const { put } = await import("./put.ts");
      finish(await put(await client(options), key, value, options));
    });
  addServer(program.command("delete <key>"))
    .description("delete a key")
    .option("--if-match <version>", "only if the key has this version")
    .action(async (key: string, options) => {
      const { deleteKey } = await import("./delete.ts");
      finish(await deleteKey(await client(options), key, options));
    });
  addServer(program.command("list [prefix]"))
    .description("list keys in the order of their bytes, one a line; control characters and % as %XX")
    .option("--delimiter <text>", "show what follows it as one prefix, such as /")
    .option("--limit <number>", "at most so many (default: all)")
    .option("--values", "with their values, after a tab")
    .option("--json", "one JSON document")
    .action(async (prefix: string | undefined, options) => {
      const { list } = await import("./list.ts");
      finish(await list(await client(options), prefix ?? "", options));
    });
  addServer(program.command("status"))
    .description("show the partitions and what they owe each other; exit code 1 while something is missing")
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { status } = await import("./status.ts");
      finish(await status(await client(options), options));
    });
}

function declareTransferCommands(program: Command, finish: (exitCode: number) => void): void {
  addServer(program.command("export"))
    .description("write all keys and values as NDJSON, one record a line, binary safe")
    .option("--prefix <prefix>", "only keys that begin with it")
    .option("-o, --output <file>", "write to a file instead of stdout")
    .action(async (options) => {
      const { exportRecords } = await import("./export.ts");
      finish(await exportRecords(await client(options), options));
    });
  addServer(program.command("import <file>"))
    .description("store the records of an NDJSON file as export writes it; - for stdin")
    .option("--resume <statefile>", "remember there how far it came, and go on from there after a stop")
    .option("--json", "a JSON summary")
    .action(async (file: string, options) => {
      const { importRecords } = await import("./import.ts");
      finish(await importRecords(await client(options), file, options));
    });
}

function declareTokenCommands(program: Command, args: readonly string[], finish: (exitCode: number) => void): void {
  const token = program
    .command("token")
    .description("create, list and revoke access tokens, on the partitions themselves");
  addConfigFlags(token.command("create"), args)
    .description("print a new token, once: only its digest is stored")
    .requiredOption("--name <name>", "what to call it")
    .requiredOption("--allow <scopes>", "what it may do: read, write, admin, or several with commas")
    .option("--prefix <prefix>", "only for keys that begin with it; may be repeated", collect)
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { createToken } = await import("./token.ts");
      finish(await createToken(configSources(options), options));
    });
  addConfigFlags(token.command("list"), args)
    .description("show all tokens, revoked ones too, without what they are")
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { listTokens } = await import("./token.ts");
      finish(await listTokens(configSources(options), options));
    });
  addConfigFlags(token.command("revoke <name>"), args)
    .description("make a token invalid, within seconds; exit code 1 while a partition does not know yet")
    .option("--json", "one JSON document")
    .action(async (name: string, options) => {
      const { revokeToken } = await import("./token.ts");
      finish(await revokeToken(configSources(options), name, options));
    });
}

/** The flags that say which server to talk to. */
function addServer(command: Command): Command {
  return addConfigFile(
    command
      .option("--url <url>", "the server (default: KVASIR_URL, else host and port of the configuration)")
      .option("--token-file <file>", "the file with the access token (default: KVASIR_TOKEN, else none is sent)"),
  );
}

async function client(options: ServerFlags & { config?: string }) {
  const { connect } = await import("./http.ts");
  return connect(options, configSources({ config: options.config }));
}

function collect(item: string, items: string[] = []): string[] {
  return [...items, item];
}

/** `error: unknown option '--prot'\n(Did you mean --port?)` as one line like all others. */
function oneLine(text: string): string {
  return `kvasir: ${text
    .trim()
    .replace(/^error: /, "")
    .replaceAll(/\s*\n\s*/g, " ")}; see kvasir --help\n`;
}
