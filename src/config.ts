import { exposureWarnings, isWritableByAll } from "./config/exposure.ts";
import { type ConfigFile, readConfigFile } from "./config/file.ts";
import { type AllGiven, gather, settingValue } from "./config/given.ts";
import { readPartitions } from "./config/partitions.ts";
import { readServerTls } from "./config/server-tls.ts";
import { settings, type Values } from "./config/settings.ts";
import { readTokens } from "./config/tokens.ts";
import { ConfigError } from "./errors.ts";
import type { ServerOptions } from "./http/server-options.ts";
import type { Token } from "./token.ts";

/** Everything that can be configured, complete and checked: inner code gets its values from here and has no defaults. */
export interface Config {
  /** The file that was read, `undefined` when there was none. */
  readonly file: string | undefined;
  /** `KVASIR_ENV=test`: every database and SQLite file has the prefix `test_`. */
  readonly isTest: boolean;
  /** Lines for the log at start-up. They contain no secret. */
  readonly warnings: readonly string[];

  /** The name that all partitions of this store carry; `undefined` lets `init` choose one. */
  readonly cluster: string | undefined;
  readonly replicas: "all" | number;
  /** Whether another replica takes writes while a key's home is away. */
  readonly standIn: boolean;
  /** `strict` refuses a server that may lose acknowledged commits in a crash. */
  readonly durability: "relaxed" | "strict";
  readonly partitions: readonly PartitionConfig[];
  /** The access tokens that the file has the digests of, besides those on the partitions. */
  readonly tokens: readonly Token[];

  readonly server: ServerConfig;
  readonly timeouts: TimeoutConfig;
  readonly sync: SyncConfig;
}

interface ServerConfig extends ServerOptions {
  /** How many processes share the port. */
  readonly workers: number;
  /** How long it says that it is not ready, before it stops accepting connections. */
  readonly stopDelayMs: number;
}

interface TimeoutConfig {
  /** For a connection to a partition to open. */
  readonly connectMs: number;
  /** For one statement or transaction on a partition. */
  readonly queryMs: number;
  /** For a request to wait for its turn at a partition; where others have waited longer, new ones are refused. */
  readonly queueMs: number;
  /** For everything that one request needs of the store. */
  readonly requestMs: number;
  /** How long plain operations wait for the hints that a partition away still holds for a returning one. */
  readonly catchUpMs: number;
}

interface SyncConfig {
  /** Between two passes of anti-entropy. */
  readonly passIntervalMs: number;
  readonly purgeIntervalMs: number;
  /** How old tombstones and expired records get before they are forgotten. */
  readonly purgeAfterMs: number;
}

export interface PartitionConfig {
  readonly name: string;
  /** Its share of the keys relative to the others', when not all partitions hold all keys. */
  readonly weight: number;
  /** For people: without user and password. */
  readonly displayUrl: string;
  readonly engine: SqliteConfig | MysqlConfig;
}

interface SqliteConfig {
  readonly kind: "sqlite";
  /** An absolute path. */
  readonly file: string;
}

export interface MysqlConfig {
  readonly kind: "mysql";
  /** Members of one cluster, or just one server. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly database: string;
  readonly user: string;
  /** `undefined` when none is configured. */
  readonly password: string | undefined;
  /** `undefined` for a plain connection. */
  readonly tls: TlsConfig | undefined;
  /** How many connections one process holds, for reads and for writes. */
  readonly connections: { readonly reads: number; readonly writes: number };
}

export interface TlsConfig {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Whether the server's certificate and name are checked. */
  readonly verify: boolean;
}

/** Where the settings come from. Flags win over the environment, that over the file, that over the defaults. */
export interface ConfigSources {
  /** From `--config`; without it `kvasir.toml` in `cwd`, if there is one. */
  readonly file?: string | undefined;
  readonly env: { readonly [name: string]: string | undefined };
  /** Flags as given on the command line, by setting name: `server.port`, `partition-1.url`. */
  readonly flags: { readonly [name: string]: string | undefined };
  readonly cwd: string;
}

/**
 * The configuration from file, environment and flags, frozen.
 *
 * @throws ConfigError in one line that names the file, the setting and the mend.
 */
export function loadConfig(sources: ConfigSources): Config {
  const isTest = readMode(sources.env);
  const { file, given, values, warnings } = readSettings(sources);
  checkTogether(values, given, file);
  const partitions = readPartitions({ given, values, env: sources.env, file, cwd: sources.cwd, isTest, warnings });
  if (given.has("data") && partitions.length > 0 && [...given.keys()].some((name) => name.startsWith("partition-"))) {
    warnings.push(`${given.get("data")!.label} has no effect, because the partitions have sections of their own`);
  }
  const tls = readServerTls(given, values);
  if (tls !== undefined) warnings.push(...exposureWarnings(given.get("server.tls_key")!.label, tls.keyFile));
  if (file !== undefined && isWritableByAll(file.path)) {
    warnings.push(`${file.shown}: all users can change the configuration; run: chmod o-w ${file.shown}`);
  }
  return freeze({
    file: file?.path,
    isTest,
    warnings,
    cluster: values.cluster,
    replicas: values.replicas,
    standIn: values.stand_in,
    durability: values.durability,
    partitions,
    tokens: readTokens(file),
    server: {
      host: values["server.host"],
      port: values["server.port"],
      hosts: values["server.hosts"],
      corsOrigins: values["server.cors_origins"],
      requireTokens: !values["server.insecure"] && !isLoopback(values["server.host"]),
      tls,
      authFailuresMax: values["server.auth_failures_max"],
      rateLimit: values["server.rate_limit"],
      workers: values["server.workers"],
      logRequests: values["server.log_requests"],
      valueBytesMax: values["server.value_bytes_max"],
      metadataBytesMax: values["server.metadata_bytes_max"],
      listLimitMax: values["server.list_limit_max"],
      batchMax: values["server.batch_max"],
      bodyBudgetBytes: values["server.body_budget_bytes"],
      answerBudgetBytes: values["server.answer_budget_bytes"],
      answerTimeoutMs: values["server.answer_timeout"],
      requestsMax: values["server.max_requests"],
      queueTimeoutMs: values["timeouts.queue"],
      maxConnections: values["server.max_connections"],
      maxConnectionsPerAddress: values["server.max_connections_per_address"],
      bodyRateMin: values["server.body_rate_min"],
      headersTimeoutMs: values["server.headers_timeout"],
      requestTimeoutMs: values["server.request_timeout"],
      stopDelayMs: values["server.stop_delay"],
      stopTimeoutMs: values["server.stop_timeout"],
    },
    timeouts: {
      connectMs: values["timeouts.connect"],
      queryMs: values["timeouts.query"],
      queueMs: values["timeouts.queue"],
      requestMs: values["timeouts.request"],
      catchUpMs: values["timeouts.catch_up"],
    },
    sync: {
      purgeAfterMs: values["sync.purge_after"],
      passIntervalMs: values["sync.pass_interval"],
      purgeIntervalMs: values["sync.purge_interval"],
    },
  });
}

/**
 * Where a server with this configuration listens. Needs no partition and no password, so that commands which
 * only talk to the server run where those are not known.
 */
export function loadServerAddress(sources: ConfigSources): ServerAddress {
  const { values } = readSettings(sources);
  const isTls = values["server.tls_cert"] !== undefined;
  return { host: values["server.host"], port: values["server.port"], isTls };
}

interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

interface ReadSettings {
  readonly file: ConfigFile | undefined;
  readonly given: AllGiven;
  readonly values: Values;
  readonly warnings: string[];
}

function readSettings(sources: ConfigSources): ReadSettings {
  const warnings: string[] = [];
  const file = readConfigFile(sources.file ?? (sources.env.KVASIR_CONFIG || undefined), sources.cwd);
  const given = gather(sources, file, warnings);
  const values: { [name: string]: unknown } = {};
  for (const [name, setting] of Object.entries(settings)) values[name] = settingValue(setting, given.get(name));
  return { file, given, values: values as unknown as Values, warnings };
}

function readMode(env: ConfigSources["env"]): boolean {
  const mode = env.KVASIR_ENV ?? "";
  if (mode === "test" || mode === "production" || mode === "") return mode === "test";
  throw new ConfigError(`KVASIR_ENV: expected "test", "production" or nothing, got ${JSON.stringify(mode)}`);
}

function checkTogether(values: Values, given: AllGiven, file: ConfigFile | undefined): void {
  const named = (name: keyof Values) =>
    given.get(name)?.label ?? (file === undefined ? name : `${file.shown}: ${name}`);
  const { replicas, partitions } = values;
  if (replicas !== "all" && replicas > partitions) {
    throw new ConfigError(
      `${named("replicas")}: ${replicas} replicas need as many partitions, but there are ${partitions}`,
    );
  }
  if (values["server.headers_timeout"] > values["server.request_timeout"]) {
    throw new ConfigError(`${named("server.headers_timeout")} is longer than server.request_timeout; make it shorter`);
  }
  if (values["server.value_bytes_max"] > values["server.body_budget_bytes"]) {
    throw new ConfigError(
      `${named("server.value_bytes_max")} is more than server.body_budget_bytes; raise that as well`,
    );
  }
}

/** Whether only this machine can reach a server that listens there. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}
