import { styleText } from "node:util";
import { Command, CommanderError } from "commander";
import { closest, distance } from "fastest-levenshtein";
import { declareBench } from "./declare/bench.ts";
import { declareCompletion } from "./declare/completion.ts";
import type { Finish } from "./declare/declaring.ts";
import { declareKeyCommands } from "./declare/keys.ts";
import { declarePartitionCommands } from "./declare/partition.ts";
import { declareServerCommands } from "./declare/server.ts";
import { declareTokenCommands } from "./declare/token.ts";
import { declareTransferCommands } from "./declare/transfer.ts";
import { exitCodes, reportFailure } from "./failure.ts";

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

function declare(args: readonly string[], finish: Finish): Command {
  const bold = (text: string) => styleText("bold", text, { validateStream: false });
  const program = new Command("kvasir")
    .description("An HTTP key-value store over MySQL, MariaDB or SQLite.")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(oneLine(text, program, args[0])) })
    // Where colours do not belong, Commander takes them out again.
    .configureHelp({ styleTitle: bold, styleCommandText: bold, styleSubcommandText: bold })
    .showHelpAfterError(false)
    .addHelpText("after", "\nExit codes: 0 done, 1 not all done, 2 wrong usage or configuration.");
  declareServerCommands(program, args, finish);
  declareKeyCommands(program, finish);
  declareTransferCommands(program, finish);
  declarePartitionCommands(program, args, finish);
  declareTokenCommands(program, args, finish);
  declareBench(program, finish);
  declareCompletion(program, finish);
  return program;
}

/** `error: unknown option '--prot'\n(Did you mean --port?)` as one line like all others. */
function oneLine(text: string, program: Command, command: string | undefined): string {
  const line = text
    .trim()
    .replace(/^error: /, "")
    .replace(/\.$/, "")
    .replaceAll(/\s*\n\s*/g, " ");
  return `kvasir: ${line}${suggestion(line, program, command)}; see kvasir --help\n`;
}

/** Commander looks among the flags that the help shows; most settings' flags are not there. */
function suggestion(line: string, program: Command, command: string | undefined): string {
  const unknown = /^unknown option '(--[^']+)'$/.exec(line)?.[1];
  const options = program.commands.find((each) => each.name() === command)?.options ?? [];
  const forms = options.map(({ long }) => long).filter((form) => form != null);
  if (unknown === undefined || forms.length === 0) return "";
  const nearest = closest(unknown, forms);
  return distance(unknown, nearest) <= 3 ? ` (Did you mean ${nearest}?)` : "";
}
