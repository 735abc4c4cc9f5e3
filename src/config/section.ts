import { accessSync, constants } from "node:fs";
import { resolve } from "node:path";
import { ConfigError } from "../errors.ts";
import type { ConfigFile } from "./file.ts";
import { type AllGiven, type Given, settingValue } from "./given.ts";
import { type PartitionSettingName, type PartitionValues, partitionSettings, type Values } from "./settings.ts";

/** What the sections are read with. */
export interface Surroundings {
  readonly given: AllGiven;
  readonly values: Values;
  readonly env: { readonly [name: string]: string | undefined };
  readonly file: ConfigFile | undefined;
  readonly cwd: string;
  readonly isTest: boolean;
  readonly warnings: string[];
}

/** One section `[partition-N]`: its checked values, and how messages name them. */
export class SectionReader {
  readonly values: PartitionValues;
  readonly #section: string;
  readonly around: Surroundings;

  constructor(section: string, around: Surroundings) {
    this.#section = section;
    this.around = around;
    const values: { [name: string]: unknown } = {};
    for (const [name, setting] of Object.entries(partitionSettings)) {
      values[name] = settingValue(setting, this.given(name as PartitionSettingName));
    }
    this.values = values as unknown as PartitionValues;
  }

  given(name: PartitionSettingName): Given | undefined {
    return this.around.given.get(`${this.#section}.${name}`);
  }

  /** How messages name the setting. */
  label(name: PartitionSettingName): string {
    const { file } = this.around;
    return this.given(name)?.label ?? `${file === undefined ? "" : `${file.shown}: `}${this.#section}.${name}`;
  }

  folder(name: PartitionSettingName): string {
    return this.given(name)?.folder ?? this.around.cwd;
  }

  /** The absolute path of a file that can be read. */
  file(name: "password_file" | "tls_ca" | "tls_cert" | "tls_key"): string | undefined {
    const value = this.values[name];
    if (value === undefined) return undefined;
    const path = resolve(this.folder(name), value);
    try {
      accessSync(path, constants.R_OK);
      return path;
    } catch (error) {
      throw new ConfigError(`${this.label(name)}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }
}
