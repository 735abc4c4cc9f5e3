import type { Command } from "commander";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { type CommandWords, commandWords } from "./words.ts";
import { zshScript } from "./zsh.ts";

const writers: { readonly [shell in "bash" | "zsh" | "fish"]: (commands: readonly CommandWords[]) => string } = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** A script for the shell that completes commands, flags, files and choices without starting the program. */
export function completionScript(shell: "bash" | "zsh" | "fish", program: Command): string {
  return writers[shell](commandWords(program));
}
