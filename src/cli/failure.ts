import { ConfigError } from "../errors.ts";
import { PartitionError } from "../partition.ts";

/** What a command's exit code says. */
export const exitCodes = { done: 0, notAllDone: 1, wrongUsage: 2 } as const;

/** An expected end of a command: its message is one line that says what happened and what to do. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}

/** Prints an error as one line on stderr, and gives the exit code for it. */
export function reportFailure(error: unknown): number {
  if (process.env.KVASIR_DEBUG) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  const { message, exitCode } = describe(error);
  process.stderr.write(`kvasir: ${message.trim().replaceAll(/\s*\n\s*/g, " ")}\n`);
  return exitCode;
}

function describe(error: unknown): { message: string; exitCode: number } {
  if (error instanceof ConfigError) return { message: error.message, exitCode: exitCodes.wrongUsage };
  if (error instanceof CommandFailure) return { message: error.message, exitCode: exitCodes.notAllDone };
  if (error instanceof PartitionError) {
    // These two are mistakes of set-up, which trying again does not mend.
    const isSetUp = error.kind === "refused" || error.kind === "uninitialised";
    return { message: error.message, exitCode: isSetUp ? exitCodes.wrongUsage : exitCodes.notAllDone };
  }
  const { code, message } = error as NodeJS.ErrnoException;
  const hint = process.env.KVASIR_DEBUG ? "" : " (KVASIR_DEBUG=1 shows more)";
  return { message: `${message ?? String(error)}${code === undefined ? hint : ""}`, exitCode: exitCodes.notAllDone };
}
