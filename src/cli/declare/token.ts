import type { Command } from "commander";
import { addConfigFlags, configSources } from "../config-flags.ts";
import { addExamples, collect, type Finish } from "./declaring.ts";

/** The commands that give access, and take it away. */
export function declareTokenCommands(program: Command, args: readonly string[], finish: Finish): void {
  const token = addExamples(
    program.command("token").description("create, list and revoke access tokens, on the partitions themselves"),
    "kvasir token create --name ci --allow read,write --prefix app/",
    "kvasir token create --name ci --allow read --print",
    "kvasir token list",
    "kvasir token revoke ci",
  );
  addConfigFlags(token.command("create"), args)
    .description("print a new token, once: only its digest is stored")
    .requiredOption("--name <name>", "what to call it")
    .requiredOption("--allow <scopes>", "what it may do: read, write, admin, or several with commas")
    .option("--prefix <prefix>", "only for keys that begin with it; may be repeated", collect)
    .option(
      "--rate <rate>",
      "how many requests it may send to a process: 100/s, 600/m, 5000/h or none (default: server.rate_limit)",
    )
    .option("--print", "store it nowhere: print what the configuration file gets of it")
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { createToken } = await import("../token.ts");
      finish(await createToken(configSources(options), options));
    });
  addConfigFlags(token.command("list"), args)
    .description("show all tokens, revoked ones too, without what they are")
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { listTokens } = await import("../token.ts");
      finish(await listTokens(configSources(options), options));
    });
  addConfigFlags(token.command("revoke <name>"), args)
    .description("make a token invalid, within seconds; exit code 1 while a partition does not know yet")
    .option("--json", "one JSON document")
    .action(async (name: string, options) => {
      const { revokeToken } = await import("../token.ts");
      finish(await revokeToken(configSources(options), name, options));
    });
}
