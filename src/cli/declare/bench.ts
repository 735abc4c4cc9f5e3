import type { Command } from "commander";
import { addConfigFile, configSources } from "../config-flags.ts";
import { addExamples, type Finish } from "./declaring.ts";

export function declareBench(program: Command, finish: Finish): void {
  const command = addExamples(
    program.command("bench [url]"),
    "kvasir bench",
    "kvasir bench http://127.0.0.1:7070 --mode put --connections 64",
    "kvasir bench http://127.0.0.1:7070 --mode mixed --writes 50 --size 4KiB --seconds 30 --json",
  );
  addConfigFile(command)
    .description(
      "measure a running server with keys of its own, which are deleted afterwards; exit code 1 after errors. The server is the one at URL, else at KVASIR_URL, else where the configuration says; this client takes about a core",
    )
    .option("--mode <mode>", "get, put, mixed or all of them in turn", "all")
    .option("--connections <number>", "so many requests at a time", "16")
    .option("--seconds <number>", "for each mode", "5")
    .option("--size <bytes>", "of each value, such as 128 or 64KiB", "128")
    .option("--keys <number>", "how many keys, chosen at random", "1000")
    .option("--token-file <file>", "the file with the access token (default: KVASIR_TOKEN, else none is sent)")
    .option("--writes <percent>", "the share of PUTs in mixed", "5")
    .option("--prefix <prefix>", "what its keys begin with; nothing else is written", "bench/")
    .option("--json", "one JSON document")
    .action(async (url: string | undefined, { config, tokenFile, ...options }) => {
      const { bench } = await import("../bench.ts");
      const { connect } = await import("../http.ts");
      finish(
        await bench(
          connect({ ...(url !== undefined && { url }), tokenFile }, configSources({ config }), "URL"),
          options,
        ),
      );
    });
}
