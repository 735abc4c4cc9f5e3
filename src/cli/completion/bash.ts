import type { CommandWords, Operand } from "./words.ts";

/** Works with bash 3.2 and newer, and without the package bash-completion. */
export function bashScript(commands: readonly CommandWords[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  return `# Completion of kvasir for bash.
_kvasir() {
  local IFS=$' \\t\\n' current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -gt 1 ]; then command="\${COMP_WORDS[1]}"; fi
  case "$command $previous" in
${commands.flatMap(operandCases).join("\n")}
  esac
  case "$command" in
    "") words="${names} help --help" ;;
    help) words="${names}" ;;
${commands.map(commandCase).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
_kvasir_files() {
  local IFS=$'\\n'
  compopt -o filenames 2> /dev/null
  COMPREPLY=($(compgen -f -- "$1"))
}
complete -F _kvasir kvasir
`;
}

/** What follows a flag that takes something. */
function operandCases({ name, flags }: CommandWords): string[] {
  return flags
    .filter(({ operand }) => operand.kind !== "none")
    .map(({ forms, operand }) => {
      const patterns = forms.map((form) => `"${name} ${form}"`).join("|");
      return `    ${patterns}) ${complete(operand)}return ;;`;
    });
}

function complete(operand: Operand): string {
  if (operand.kind === "file") return '_kvasir_files "$current"; ';
  if (operand.kind === "choice") return `COMPREPLY=($(compgen -W "${operand.words.join(" ")}" -- "$current")); `;
  return "";
}

function commandCase({ name, flags, argument }: CommandWords): string {
  const words = flags.flatMap(({ forms }) => forms).join(" ");
  const isFlag = 'case "$current" in -*) ;; *) ';
  const other =
    argument.kind === "file" || argument.kind === "choice" ? `${isFlag}${complete(argument)}return ;; esac; ` : "";
  return `    ${name}) ${other}words="${words}" ;;`;
}
