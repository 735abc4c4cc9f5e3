import { type Command, Option } from "commander";
import { truth } from "../config/kinds.ts";
import { flagName, partitionSettings, type Setting, settings } from "../config/settings.ts";
import type { ConfigSources } from "../config.ts";

/** Which setting a flag of a command stands for, by the name that commander gives the flag's value. */
const settingNames = new Map<string, string>();

/**
 * Adds `--config` and a flag for every setting. The help shows only those with a short form; of the others
 * there are many, and docs/configuration.md has them.
 */
export function addConfigFlags(command: Command, args: readonly string[]): Command {
  addConfigFile(command);
  for (const [name, setting] of Object.entries(settings) as [string, Setting][]) {
    const { shortFlag } = setting;
    if (shortFlag !== undefined) addFlag(command, shortFlag, name, setting, true);
    addFlag(command, flagName(name), name, setting, shortFlag === undefined && !name.includes("."));
  }
  for (const [flag, name, setting] of partitionFlags(args)) addFlag(command, flag, name, setting, false);
  return command;
}

export function addConfigFile(command: Command): Command {
  return command.option("--config <file>", "the configuration file (default: ./kvasir.toml if there is one)");
}

/** What the parsed options of a command say about the configuration. */
export function configSources(options: { readonly [name: string]: unknown }): ConfigSources {
  const flags: { [setting: string]: string } = {};
  for (const [attribute, value] of Object.entries(options)) {
    const setting = settingNames.get(attribute);
    if (setting !== undefined) flags[setting] = String(value);
  }
  return { file: options.config as string | undefined, env: process.env, flags, cwd: process.cwd() };
}

function addFlag(command: Command, flag: string, name: string, setting: Setting, isShown: boolean): void {
  const ending = setting.default ? ` (default: ${setting.default})` : "";
  // A flag for a truth is enough to say it.
  const value = setting.kind === truth ? "[value]" : "<value>";
  const option = new Option(`--${flag} ${value}`, `${setting.meaning.replaceAll("`", "")}${ending}`);
  if (!isShown) option.hideHelp();
  settingNames.set(option.attributeName(), name);
  command.addOption(option);
}

/** Sections have any number, so that only the flags of those named on the command line are declared. */
function partitionFlags(args: readonly string[]): [flag: string, name: string, setting: Setting][] {
  const sections = new Set(args.map((arg) => /^--(partition-[1-9][0-9]{0,3})-/.exec(arg)?.[1]));
  sections.delete(undefined);
  return [...sections].flatMap((section) =>
    (Object.entries(partitionSettings) as [string, Setting][])
      .filter(([, setting]) => !setting.isSecret)
      .map(
        ([inner, setting]) =>
          [`${section}-${flagName(inner)}`, `${section}.${inner}`, setting] as [string, string, Setting],
      ),
  );
}
