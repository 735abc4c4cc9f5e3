import { readFileSync } from "node:fs";
import { readConfigFile } from "../config/file.ts";
import { readTokens } from "../config/tokens.ts";
import type { Logger } from "../log.ts";
import type { Tokens } from "../tokens.ts";

/** How often the file is looked at: what is taken out of it is refused within five seconds. */
const lookMs = 2000;

/**
 * Follows the sections `[token-NAME]` of the configuration file at `path` while a server runs. While it cannot be read,
 * or has a mistake, what was there before counts. Gives what ends it.
 */
export function watchTokens(path: string, tokens: Tokens, log: Pick<Logger, "info" | "warn">): () => void {
  let seen = textOf(path);
  let problem = "";
  const look = () => {
    try {
      const text = readFileSync(path, "utf8");
      if (text === seen) return;
      // Before it is read whole: a mistake is reported once.
      seen = text;
      tokens.configure(readTokens(readConfigFile(path, process.cwd())));
      log.info(
        { tokens: tokens.configured.map(({ name }) => name) },
        "the configuration file's tokens were read again",
      );
      problem = "";
    } catch (error) {
      const { message } = error as Error;
      if (message !== problem) log.warn({ problem: message }, "the configuration file's tokens of before stay in use");
      problem = message;
    }
  };
  const timer = setInterval(look, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It was there a moment ago. The first look tells what became of it.
    return "";
  }
}
