import { existsSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { ConfigError } from "../errors.ts";

export interface ConfigFile {
  readonly path: string;
  /** The path as messages show it. */
  readonly shown: string;
  readonly folder: string;
  readonly values: { readonly [name: string]: unknown };
}

/**
 * The named file, else `kvasir.toml` in `cwd`, else `undefined`.
 *
 * @throws ConfigError when the named file is missing, or it is not TOML.
 */
export function readConfigFile(named: string | undefined, cwd: string): ConfigFile | undefined {
  const path = resolve(cwd, named ?? "kvasir.toml");
  if (named === undefined && !existsSync(path)) return undefined;
  const nearby = relative(cwd, path);
  const shown = nearby === "" || nearby.startsWith("..") ? path : nearby;
  const values = parseToml(readText(path, shown), shown);
  return { path, shown, folder: dirname(path), values };
}

function readText(path: string, shown: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === "ENOENT" ? "there is no such file" : `it cannot be read (${code})`;
    throw new ConfigError(`${shown}: ${reason}; give the configuration's path with --config FILE`);
  }
}

function parseToml(text: string, shown: string): ConfigFile["values"] {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Only the first line: the others show the text around the mistake, which may have a password.
    const reason = error.message.split("\n")[0]!.replace("Invalid TOML document: ", "");
    throw new ConfigError(`${shown}: line ${error.line}, column ${error.column}: not valid TOML (${reason})`);
  }
}
