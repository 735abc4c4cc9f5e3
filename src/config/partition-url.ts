import { resolve } from "node:path";
import { ConfigError } from "../errors.ts";

/** What a partition's URL says. */
export type PartitionUrl =
  | { readonly kind: "sqlite"; readonly file: string }
  | {
      readonly kind: "mysql";
      readonly hosts: readonly { readonly host: string; readonly port: number }[];
      readonly database: string;
      readonly user: string;
      readonly password: string | undefined;
    };

const forms = "mysql://USER@HOST:PORT/DATABASE or sqlite:PATH";

/**
 * Reads `mysql://user:password@host1:3306,host2/database`, the same with `mariadb:`, and `sqlite:path`.
 * User and password are percent-decoded. A relative SQLite path starts from `folder`.
 *
 * @throws ConfigError that begins with `label` and never has the password.
 */
export function parsePartitionUrl(url: string, label: string, folder: string): PartitionUrl {
  if (url.startsWith("sqlite:")) return parseSqlite(url.slice("sqlite:".length), label, folder);
  const match = /^(?:mysql|mariadb):\/\/(.*)$/s.exec(url);
  if (match === null) throw new ConfigError(`${label}: expected ${forms}, got ${withoutUser(url)}`);
  return parseMysql(match[1]!, (problem) => new ConfigError(`${label}: ${problem}; the form is ${forms}`));
}

function parseSqlite(path: string, label: string, folder: string): PartitionUrl {
  const plain = path.startsWith("//") ? path.slice(2) : path;
  if (plain === "" || plain.endsWith("/"))
    throw new ConfigError(`${label}: expected a file, such as sqlite:./data/one.db`);
  if (plain.startsWith(":"))
    throw new ConfigError(`${label}: Kvasir keeps data in files; give a path, such as sqlite:./data/one.db`);
  return { kind: "sqlite", file: resolve(folder, plain) };
}

function parseMysql(rest: string, mistake: (problem: string) => ConfigError): PartitionUrl {
  const parts = /^(?:([^@]*)@)?([^@/]*)\/([^@]*)$/s.exec(rest);
  if (parts === null) throw mistake("the URL is malformed (in user and password, @ is %40 and / is %2F)");
  const [, userInfo = "", hosts = "", database = ""] = parts;
  const colon = userInfo.indexOf(":");
  const user = decode(colon < 0 ? userInfo : userInfo.slice(0, colon), mistake);
  if (user === "") throw mistake("the URL has no user");
  const password = colon < 0 ? undefined : decode(userInfo.slice(colon + 1), mistake);
  if (database.includes("?"))
    throw mistake("the URL has a query; options are settings of the section, such as tls = true");
  const name = decode(database, mistake);
  if (!/^[A-Za-z0-9_$-]{1,64}$/.test(name)) {
    throw mistake(`the database's name must be 1 to 64 letters, digits, "_", "$" or "-"`);
  }
  return {
    kind: "mysql",
    hosts: hosts.split(",").map((host) => parseHost(host, mistake)),
    database: name,
    user,
    password,
  };
}

function parseHost(host: string, mistake: (problem: string) => ConfigError): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?$/.exec(host);
  const port = Number(match?.[3] ?? 3306);
  if (match === null || port < 1 || port > 65535) throw mistake(`"${host}" is no HOST or HOST:PORT`);
  return { host: (match[1] ?? match[2])!, port };
}

function decode(text: string, mistake: (problem: string) => ConfigError): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw mistake("the URL has a % that is no percent-encoding (write it as %25)");
  }
}

function withoutUser(url: string): string {
  const at = url.lastIndexOf("@");
  return JSON.stringify(at < 0 ? url : `***${url.slice(at)}`);
}

/** The URL for people, without user and password. */
export function displayUrl(url: PartitionUrl): string {
  if (url.kind === "sqlite") return `sqlite:${url.file}`;
  const hosts = url.hosts.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  return `mysql://${hosts.join(",")}/${url.database}`;
}
