import { createInterface } from "node:readline/promises";
import { ConfigError } from "../../errors.ts";

/**
 * Whether a person says yes.
 *
 * @throws ConfigError when there is nobody to ask.
 */
export async function ask(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new ConfigError(`${question} Nobody can be asked here; --yes says so`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^\s*(y|yes)\s*$/i.test(await lines.question(`${question} [y/N] `));
  } finally {
    lines.close();
  }
}
