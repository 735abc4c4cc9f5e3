import { closest, distance } from "fastest-levenshtein";
import type { ConfigSources } from "../config.ts";
import { ConfigError } from "../errors.ts";
import type { ConfigFile } from "./file.ts";
import type { Kind } from "./kinds.ts";
import { environmentName, flagName, partitionSettings, type Setting, settings } from "./settings.ts";
import { sectionToken } from "./tokens.ts";

/** A value as somebody gave it, not checked yet. */
export interface Given {
  readonly value: unknown;
  readonly origin: Origin;
  /** How that place writes the setting, for messages: `kvasir.toml: server.port`, `KVASIR_SERVER_PORT`, `--server-port`. */
  readonly label: string;
  /** What relative paths in it start from. */
  readonly folder: string;
}

type Origin = "file" | "environment" | "flag";

/** What was given, by setting name: `server.port`, `partition-1.url`. */
export type AllGiven = ReadonlyMap<string, Given>;

/**
 * All that file, environment and flags say; of several values of one setting the one that wins.
 *
 * @throws ConfigError for a name that is no setting.
 */
export function gather(sources: ConfigSources, file: ConfigFile | undefined, warnings: string[]): AllGiven {
  const given = new Map<string, Given>();
  if (file !== undefined) gatherFile(given, file);
  gatherEnvironment(given, sources, warnings);
  for (const [name, value] of Object.entries(sources.flags)) {
    if (value === undefined) continue;
    given.set(name, { value, origin: "flag", label: `--${flagName(name)}`, folder: sources.cwd });
  }
  return given;
}

/** The value of one setting, or its default. */
export function settingValue(setting: Setting, given: Given | undefined): unknown {
  if (given === undefined) return setting.default === undefined ? undefined : setting.kind.fromText(setting.default);
  const value = parse(setting.kind, given);
  if (value !== undefined) return value;
  const got = setting.isSecret ? "something else" : show(given.value);
  throw new ConfigError(`${given.label}: expected ${setting.kind.expected}, got ${got}`);
}

function parse(kind: Kind<unknown>, given: Given): unknown {
  return given.origin === "file" ? kind.fromToml(given.value) : kind.fromText(String(given.value));
}

function show(value: unknown): string {
  if (value === "") return "an empty text";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  return typeof value === "object" ? "a section" : JSON.stringify(value);
}

/** The number in a section's name, `undefined` for other names. */
export function sectionNumber(section: string): number | undefined {
  const match = /^partition-([1-9][0-9]{0,3})$/.exec(section);
  return match === null ? undefined : Number(match[1]);
}

const sections = [
  ...new Set(
    Object.keys(settings)
      .filter((name) => name.includes("."))
      .map((name) => name.split(".")[0]!),
  ),
];

function gatherFile(given: Map<string, Given>, file: ConfigFile): void {
  for (const [name, value] of Object.entries(file.values)) {
    const isSection = typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
    // They are read by `readTokens`, also again while a server runs.
    if (sectionToken(name) !== undefined) continue;
    const isKnownSection = sections.includes(name) || sectionNumber(name) !== undefined;
    if (isSection && !isKnownSection)
      throw unknown(`${file.shown}: [${name}] is no section`, name, ["partition-1", "token-NAME", ...sections]);
    if (isKnownSection && !isSection) throw new ConfigError(`${file.shown}: ${name}: expected a section, [${name}]`);
    const known = Object.keys(sectionNumber(name) === undefined ? settings : partitionSettings);
    const prefix = sectionNumber(name) === undefined && isSection ? `${name}.` : "";
    for (const [inner, innerValue] of isSection ? Object.entries(value) : [[name, value] as const]) {
      const path = isSection ? `${name}.${inner}` : inner;
      const label = `${file.shown}: ${path}`;
      if (!known.includes(prefix + inner)) {
        const names = known.filter((one) => one.startsWith(prefix)).map((one) => one.slice(prefix.length));
        throw unknown(`${label} is no setting`, inner, names);
      }
      given.set(path, { value: innerValue, origin: "file", label, folder: file.folder });
    }
  }
}

/** Names in the environment that are ours and no settings. */
const otherVariables = ["KVASIR_ENV", "KVASIR_URL", "KVASIR_TOKEN", "KVASIR_CONFIG", "KVASIR_DEBUG"];

function gatherEnvironment(given: Map<string, Given>, sources: ConfigSources, warnings: string[]): void {
  const names = new Map(Object.keys(settings).map((name) => [environmentName(name), name]));
  for (const [variable, value] of Object.entries(sources.env)) {
    if (!variable.startsWith("KVASIR_") || value === undefined || value === "") continue;
    if (otherVariables.includes(variable)) continue;
    const name = names.get(variable) ?? partitionVariable(variable);
    if (name !== undefined) {
      given.set(name, { value, origin: "environment", label: variable, folder: sources.cwd });
    } else {
      refuseTypingError(variable, [...names.keys()], warnings);
    }
  }
}

function partitionVariable(variable: string): string | undefined {
  const match = /^KVASIR_PARTITION_([1-9][0-9]{0,3})_([A-Z_]+)$/.exec(variable);
  const name = match?.[2]?.toLowerCase();
  return name !== undefined && Object.hasOwn(partitionSettings, name) ? `partition-${match![1]}.${name}` : undefined;
}

/**
 * A name that is nearly a setting is an error; others may be somebody else's. Kubernetes, for one, sets
 * KVASIR_PORT and KVASIR_SERVICE_HOST in each container beside a service of the name kvasir.
 */
function refuseTypingError(variable: string, known: readonly string[], warnings: string[]): void {
  const number = /^KVASIR_PARTITION_([1-9][0-9]{0,3})_/.exec(variable)?.[1];
  const candidates = [...known];
  if (number !== undefined) {
    const inSection = Object.keys(partitionSettings).map((name) => environmentName(`partition-${number}.${name}`));
    candidates.push(...inSection);
  }
  if (/^KVASIR_(PORT|SERVICE)(_|$)/.test(variable)) return;
  if (number !== undefined || distance(variable, closest(variable, candidates)) <= 3) {
    throw unknown(`${variable} is no setting`, variable, candidates);
  }
  warnings.push(`environment: ${variable} is no setting of Kvasir; it is ignored`);
}

function unknown(problem: string, name: string, known: readonly string[]): ConfigError {
  return new ConfigError(`${problem}; did you mean ${closest(name, known)}?`);
}
