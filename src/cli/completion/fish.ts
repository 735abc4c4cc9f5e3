import type { CommandWords, Flag, Operand } from "./words.ts";

/** To be put into a folder of `fish_complete_path` as `kvasir.fish`, or sourced. */
export function fishScript(commands: readonly CommandWords[]): string {
  const names = commands.map(
    ({ name, meaning }) => `complete -c kvasir -n __fish_use_subcommand -a ${name} -d ${quote(meaning)}`,
  );
  return `# Completion of kvasir for fish.
complete -c kvasir -f
${[...names, ...commands.flatMap(commandLines)].join("\n")}
`;
}

function commandLines({ name, flags, argument }: CommandWords): string[] {
  const seen = `complete -c kvasir -n '__fish_seen_subcommand_from ${name}'`;
  const lines = flags.map((flag) => `${seen} ${flagWords(flag)}`);
  return argument.kind === "file" || argument.kind === "choice"
    ? [...lines, `${seen}${operandWords(argument)}`]
    : lines;
}

function flagWords({ forms, meaning, operand }: Flag): string {
  const names = forms.map((form) => (form.startsWith("--") ? `-l ${form.slice(2)}` : `-s ${form.slice(1)}`));
  return `${names.join(" ")} -d ${quote(meaning)}${operand.kind === "none" ? "" : ` -r${operandWords(operand)}`}`;
}

function operandWords(operand: Operand): string {
  if (operand.kind === "file") return " -F";
  return operand.kind === "choice" ? ` -a ${quote(operand.words.join(" "))}` : "";
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
