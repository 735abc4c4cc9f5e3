import type { Command, Option } from "commander";

/** What can stand behind a flag, or as an argument. */
export type Operand =
  | { readonly kind: "none" | "file" | "text" }
  | { readonly kind: "choice"; readonly words: readonly string[] };

export interface Flag {
  /** Its forms: `-o`, `--output`. */
  readonly forms: readonly string[];
  readonly meaning: string;
  readonly operand: Operand;
}

export interface CommandWords {
  readonly name: string;
  readonly meaning: string;
  readonly flags: readonly Flag[];
  readonly argument: Operand;
}

/** All that can be completed, as the program itself declares it. Flags that its help does not show are left out. */
export function commandWords(program: Pick<Command, "commands">): CommandWords[] {
  return program.commands.map((command) => {
    const argument = command.registeredArguments[0];
    const parts = command.commands;
    if (parts.length > 0) return groupWords(command, parts);
    return {
      name: command.name(),
      meaning: command.description(),
      flags: [
        ...command.options.filter(({ hidden }) => !hidden).map(flag),
        { forms: ["--help"], meaning: "display help for command", operand: { kind: "none" } },
      ],
      argument: argument === undefined ? { kind: "none" } : operand(argument.name(), argument.argChoices),
    };
  });
}

/** A command of commands: their names are its argument, and the flags are those of all of them. */
function groupWords(group: Command, parts: readonly Command[]): CommandWords {
  const flags = new Map<string, Flag>();
  for (const part of commandWords({ commands: parts })) {
    for (const each of part.flags) flags.set(each.forms.join(), each);
  }
  const words = parts.map((part) => part.name());
  return {
    name: group.name(),
    meaning: group.description(),
    flags: [...flags.values()],
    argument: { kind: "choice", words },
  };
}

function flag({ short, long, description, flags, argChoices, optional }: Option): Flag {
  const placeholder = /[<[](.+)[>\]]/.exec(flags)?.[1];
  // An operand that may be left out comes behind `=`, so that what follows the flag is something else.
  const takes = placeholder === undefined || optional ? undefined : placeholder;
  return {
    forms: [short, long].filter((form) => form !== undefined),
    meaning: description,
    operand: takes === undefined ? { kind: "none" } : operand(takes, argChoices),
  };
}

function operand(name: string, choices: readonly string[] | undefined): Operand {
  if (choices !== undefined) return { kind: "choice", words: choices };
  return { kind: name.endsWith("file") ? "file" : "text" };
}
