import { Argument, type Command } from "commander";
import { exitCodes } from "../failure.ts";
import { addExamples, type Finish } from "./declaring.ts";

const shells = ["bash", "zsh", "fish"] as const;

/** The command that prints what a shell needs to complete all the others. */
export function declareCompletion(program: Command, finish: Finish): void {
  addExamples(
    program.command("completion"),
    "kvasir completion bash > /etc/bash_completion.d/kvasir",
    'kvasir completion zsh > "$' + '{fpath[1]}/_kvasir"',
    "kvasir completion fish > ~/.config/fish/completions/kvasir.fish",
  )
    .description("print the completion script of a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(shells))
    .action(async (shell: (typeof shells)[number]) => {
      const { completionScript } = await import("../completion/script.ts");
      process.stdout.write(completionScript(shell, program));
      finish(exitCodes.done);
    });
}
