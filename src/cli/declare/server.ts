import type { Command } from "commander";
import { parseDuration } from "../../config/kinds.ts";
import { ConfigError } from "../../errors.ts";
import { addConfigFlags, configSources } from "../config-flags.ts";
import { addExamples, type Finish } from "./declaring.ts";

/** The commands that open the partitions themselves. */
export function declareServerCommands(program: Command, args: readonly string[], finish: Finish): void {
  const declare = (name: string, ...examples: readonly string[]) =>
    addConfigFlags(addExamples(program.command(name), ...examples), args);

  declare(
    "serve",
    "kvasir serve",
    "kvasir serve --host 0.0.0.0 --port 8080 --workers 2",
    "kvasir serve --config /etc/kvasir/kvasir.toml",
  )
    .description("answer HTTP requests until SIGTERM or SIGINT")
    .action(async (options) => {
      const { serve } = await import("../serve.ts");
      finish(await serve(configSources(options)));
    });

  declare("init", "kvasir init", "kvasir init --print")
    .description("create the tables on every partition")
    .option("--print", "only print the SQL, for a database administrator")
    .action(async (options) => {
      const { init } = await import("../init.ts");
      finish(await init(configSources(options), { print: options.print === true }));
    });

  declare("sync", "kvasir sync", "kvasir sync --json", "kvasir sync --every 1m", "kvasir sync --partition partition-1")
    .description("deliver what partitions owe each other, compare, mend and purge; exit code 1 while something is owed")
    .option("--every <time>", "again and again, such as 1m (default: once)")
    .option("--partition <name>", "only what is owed by and to this one")
    .option("--json", "one JSON document a round")
    .action(async (options) => {
      const { sync } = await import("../sync.ts");
      const everyMs = options.every === undefined ? undefined : parseDuration(options.every);
      if (options.every !== undefined && !everyMs) throw new ConfigError("--every: expected a time such as 30s or 1m");
      const { partition, json } = options;
      finish(await sync(configSources(options), { everyMs, partition, json: json === true }));
    });

  declare("check", "kvasir check", "kvasir check --deep --repair")
    .description("compare all replicas; exit code 1 when something differs")
    .option("--repair", "mend what differs")
    .option("--deep", "also check every value against its fingerprints")
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { check } = await import("../check.ts");
      const { repair, deep, json } = options;
      const flags = { isRepair: repair === true, isDeep: deep === true, json: json === true };
      finish(await check(configSources(options), flags));
    });

  if (process.env.KVASIR_ENV !== "test") return;
  declare("wipe", "kvasir wipe --data ./data")
    .description("delete all keys; only with KVASIR_ENV=test")
    .action(async (options) => {
      const { wipe } = await import("../wipe.ts");
      finish(await wipe(configSources(options)));
    });
}
