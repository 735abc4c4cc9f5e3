import type { Command } from "commander";
import { addConfigFile, configSources } from "../config-flags.ts";

/** Takes a command's exit code. */
export type Finish = (exitCode: number) => void;

/** Shows command lines at the end of a command's help. */
export function addExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

/** The flags that say which server to talk to. */
export function addServer(command: Command): Command {
  return addConfigFile(
    command.option("--url <url>", "the server (default: KVASIR_URL, else host and port of the configuration)"),
  );
}

/** The server that those flags name. */
export async function client(options: { url?: string; config?: string }) {
  const { connect } = await import("../http.ts");
  return connect(options.url, configSources({ config: options.config }));
}
