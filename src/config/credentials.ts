import { readFileSync } from "node:fs";
import type { TlsConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { exposureMend, exposureWarnings } from "./exposure.ts";
import type { Given } from "./given.ts";
import type { SectionReader } from "./section.ts";

const originRank = { file: 1, environment: 2, flag: 3 } as const;

/** Of `password`, `password_env` and `password_file` the one from the strongest source, else the URL's. */
export function readPassword(inUrl: string | undefined, reader: SectionReader): string | undefined {
  const ways = (["password", "password_env", "password_file"] as const)
    .filter((name) => reader.given(name) !== undefined)
    .sort((a, b) => originRank[reader.given(b)!.origin] - originRank[reader.given(a)!.origin]);
  const [way, other] = ways;
  if (way !== undefined && other !== undefined && reader.given(way)!.origin === reader.given(other)!.origin) {
    throw new ConfigError(`${reader.label(way)} and ${other} are both set; keep one of them`);
  }
  if (inUrl !== undefined) warnOfExposure(reader.given("url")!, reader);
  if (way === undefined) return inUrl;
  if (way === "password_file") {
    const path = reader.file("password_file")!;
    reader.around.warnings.push(...exposureWarnings(reader.label(way), path));
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  }
  if (way === "password_env") return passwordFromEnvironment(reader);
  warnOfExposure(reader.given("password")!, reader);
  return reader.values.password;
}

function passwordFromEnvironment(reader: SectionReader): string {
  const variable = reader.values.password_env!;
  const password = reader.around.env[variable];
  if (password !== undefined && password !== "") return password;
  throw new ConfigError(
    `${reader.label("password_env")}: the environment variable ${variable} is not set; set it to the password`,
  );
}

function warnOfExposure(given: Given, { around }: SectionReader): void {
  if (given.origin === "flag") {
    around.warnings.push(
      `${given.label} has a password, which other users can see in the list of processes; use password_file`,
    );
  } else if (given.origin === "file") {
    const mend = exposureMend(around.file!.path);
    if (mend === undefined) return;
    around.warnings.push(`${given.label} has a password, and other users can read the file; run: ${mend}`);
  }
}

export function readTls(reader: SectionReader): TlsConfig | undefined {
  const { tls, tls_verify: verify } = reader.values;
  const caFile = reader.file("tls_ca");
  const certFile = reader.file("tls_cert");
  const keyFile = reader.file("tls_key");
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [given, missing] =
      certFile === undefined ? (["tls_key", "tls_cert"] as const) : (["tls_cert", "tls_key"] as const);
    throw new ConfigError(`${reader.label(given)} also needs ${missing}`);
  }
  reader.around.warnings.push(...exposureWarnings(reader.label("tls_key"), keyFile));
  const isWanted = caFile !== undefined || certFile !== undefined;
  if (isWanted && reader.given("tls") !== undefined && !tls) {
    throw new ConfigError(
      `${reader.label("tls")} is false, but ${caFile === undefined ? "tls_cert" : "tls_ca"} is set; remove one of them`,
    );
  }
  return tls || isWanted ? { caFile, certFile, keyFile, verify } : undefined;
}
