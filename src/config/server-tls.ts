import { accessSync, constants } from "node:fs";
import { resolve } from "node:path";
import { ConfigError } from "../errors.ts";
import type { ServerTls } from "../http/server-options.ts";
import type { AllGiven } from "./given.ts";
import type { Values } from "./settings.ts";

/**
 * The absolute paths of certificate and key, `undefined` when neither is given.
 *
 * @throws ConfigError when one is missing or cannot be read.
 */
export function readServerTls(given: AllGiven, values: Values): ServerTls | undefined {
  const certFile = readPath("server.tls_cert", given, values);
  const keyFile = readPath("server.tls_key", given, values);
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  if (certFile === undefined && keyFile === undefined) return undefined;
  const [present, missing] =
    certFile === undefined ? (["server.tls_key", "tls_cert"] as const) : (["server.tls_cert", "tls_key"] as const);
  throw new ConfigError(`${given.get(present)!.label} also needs server.${missing}`);
}

function readPath(name: "server.tls_cert" | "server.tls_key", given: AllGiven, values: Values): string | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  const { folder, label } = given.get(name)!;
  const path = resolve(folder, value);
  try {
    accessSync(path, constants.R_OK);
    return path;
  } catch (error) {
    throw new ConfigError(`${label}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
