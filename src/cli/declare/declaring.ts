import type { Command } from "commander";
import { addConfigFile, configSources } from "../config-flags.ts";
import type { ServerFlags } from "../http.ts";

/** Takes a command's exit code. */
export type Finish = (exitCode: number) => void;

/** Shows command lines at the end of a command's help. */
export function addExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

/** The flags that say which server to talk to. */
export function addServer(command: Command): Command {
  return addConfigFile(
    command
      .option("--url <url>", "the server (default: KVASIR_URL, else host and port of the configuration)")
      .option("--token-file <file>", "the file with the access token (default: KVASIR_TOKEN, else none is sent)"),
  );
}

/** The server that those flags name. */
export async function client(options: ServerFlags & { config?: string }) {
  const { connect } = await import("../http.ts");
  return connect(options, configSources({ config: options.config }));
}

/** For an option that may be repeated. */
export function collect(item: string, items: string[] = []): string[] {
  return [...items, item];
}
