import type { CommandWords, Flag, Operand } from "./words.ts";

/** To be put into a folder of `fpath` as `_kvasir`, or sourced after `compinit`. */
export function zshScript(commands: readonly CommandWords[]): string {
  return `#compdef kvasir
# Completion of kvasir for zsh.
_kvasir() {
  local -a commands
  commands=(
${commands.map(({ name, meaning }) => `    ${quote(`${name}:${meaning.replaceAll(":", "\\:")}`)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
    help) _describe command commands ;;
${commands.map(commandCase).join("\n")}
  esac
}
if [ "$funcstack[1]" = "_kvasir" ]; then _kvasir "$@"; else compdef _kvasir kvasir; fi
`;
}

function commandCase({ name, flags, argument }: CommandWords): string {
  const specs = flags.flatMap(flagSpecs);
  if (argument.kind !== "none") specs.push(quote(`1:argument:${action(argument)}`));
  return `    ${name}) _arguments -s ${specs.join(" ")} ;;`;
}

function flagSpecs({ forms, meaning, operand }: Flag): string[] {
  const text = meaning.replaceAll(/[\\[\]:]/g, "\\$&");
  const value = operand.kind === "none" ? "" : `:value:${action(operand)}`;
  return forms.map((form) => quote(`(${forms.join(" ")})${form}[${text}]${value}`));
}

function action(operand: Operand): string {
  if (operand.kind === "file") return "_files";
  return operand.kind === "choice" ? `(${operand.words.join(" ")})` : " ";
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
