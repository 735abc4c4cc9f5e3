import { choice, count, duration, either, type Kind, list, origins, rate, size, text, truth, weight } from "./kinds.ts";

/**
 * Every setting with its default, in one table: the config file, the environment, the flags, the messages and
 * `docs/configuration.md` all follow it.
 *
 * `server.port` is `port` in the section `[server]`, `KVASIR_SERVER_PORT` and `--server-port`. A default is
 * written as a user would write it; `undefined` means that there is none.
 */
export interface Setting {
  readonly kind: Kind<unknown>;
  readonly default: string | undefined;
  /** What it does, as the rest of a sentence. */
  readonly meaning: string;
  /** A shorter flag besides the usual one. */
  readonly shortFlag?: string;
  /** It is never shown, and has no flag, because others can see flags in the list of processes. */
  readonly isSecret?: true;
}

export const settings = {
  partitions: {
    kind: count(1, 64),
    default: "1",
    meaning: "how many partitions there are, each with a section `[partition-1]`, `[partition-2]` and so on",
  },
  replicas: {
    kind: either(choice("all"), count(1, 64)),
    default: "all",
    meaning: "how many partitions hold each key",
  },
  data: {
    kind: text,
    default: "./data",
    meaning: "the folder of the SQLite files when no partition is configured",
  },
  cluster: {
    kind: text,
    default: undefined,
    meaning: "the name that all partitions of this store carry; without it the first `init` chooses one",
  },
  stand_in: {
    kind: truth,
    default: "true",
    meaning: "whether another replica takes writes while a key's home is away; otherwise they get 503",
  },
  durability: {
    kind: choice("relaxed", "strict"),
    default: "relaxed",
    meaning: "`strict` refuses a database server that may lose acknowledged commits in a crash",
  },

  "server.host": {
    kind: text,
    default: "127.0.0.1",
    shortFlag: "host",
    meaning: "the address to listen on; `0.0.0.0` or `::` for all",
  },
  "server.port": {
    kind: count(0, 65535),
    default: "7070",
    shortFlag: "port",
    meaning: "the port to listen on; 0 lets the system choose",
  },
  "server.hosts": {
    kind: list,
    default: "",
    meaning: "names that are answered in `Host`, besides loopback names and IP addresses",
  },
  "server.cors_origins": {
    kind: origins,
    default: "",
    meaning: "origins of other sites whose pages may use this server with a token that they have",
  },
  "server.tls_cert": {
    kind: text,
    default: undefined,
    meaning:
      "the file with the server's certificate and those between it and the authority (PEM); needs `server.tls_key`",
  },
  "server.tls_key": {
    kind: text,
    default: undefined,
    meaning: "the file with the certificate's key (PEM); both files are read again when they change",
  },
  "server.insecure": {
    kind: truth,
    default: "false",
    shortFlag: "insecure",
    meaning: "whether to listen on more than loopback although nobody needs a token",
  },
  "server.auth_failures_max": {
    kind: count(1, 1_000_000),
    default: "20",
    meaning: "how many wrong tokens one address may send in a minute; then they get 429",
  },
  "server.rate_limit": {
    kind: either(choice("none"), rate),
    default: "none",
    meaning: "how many requests each token may send to one process, unless it has a rate of its own; more get 429",
  },
  "server.workers": {
    kind: count(1, 256),
    default: "1",
    shortFlag: "workers",
    meaning: "how many processes share the port",
  },
  "server.log_requests": { kind: truth, default: "false", meaning: "whether every request is logged" },
  "server.value_bytes_max": {
    kind: size("1KiB", "512MiB"),
    default: "8MiB",
    meaning: "the largest value",
  },
  "server.metadata_bytes_max": {
    kind: size("0", "8KiB"),
    default: "2KiB",
    meaning: "the most metadata that a key may have",
  },
  "server.list_limit_max": {
    kind: count(100, 100_000),
    default: "1000",
    meaning: "the most keys on one page of a list",
  },
  "server.batch_max": { kind: count(1, 100_000), default: "1000", meaning: "the most operations in one batch" },
  "server.body_budget_bytes": {
    kind: size("1MiB", "64GiB"),
    default: "256MiB",
    meaning: "how many bytes of request bodies one process holds at once; more get 503",
  },
  "server.answer_budget_bytes": {
    kind: size("1MiB", "64GiB"),
    default: "256MiB",
    meaning: "how many bytes of large answers wait for their clients in one process; more get 503",
  },
  "server.max_requests": {
    kind: count(1, 1_000_000),
    default: "20000",
    meaning: "how many requests one process works on at once; more get 503",
  },
  "server.max_connections": {
    kind: count(1, 1_000_000),
    default: "10000",
    meaning: "the most connections that one process accepts",
  },
  "server.max_connections_per_address": {
    kind: count(1, 1_000_000),
    default: "1000",
    meaning: "how many of them one address may have (a /64 of IPv6 is one); raise it behind a proxy with more",
  },
  "server.body_rate_min": {
    kind: size("0", "1GiB"),
    default: "1KiB",
    meaning: "the bytes a second at which a body has to arrive, once it has taken five seconds; 0 for any",
  },
  "server.headers_timeout": {
    kind: duration("100ms", "10m"),
    default: "10s",
    meaning: "for the header fields of a request to arrive",
  },
  "server.request_timeout": {
    kind: duration("100ms", "1h"),
    default: "60s",
    meaning: "for a whole request to arrive",
  },
  "server.answer_timeout": {
    kind: duration("100ms", "1h"),
    default: "30s",
    meaning: "for a client to take the next 64 KiB of an answer; then it is cut off",
  },
  "server.stop_delay": {
    kind: duration("0s", "10m"),
    default: "0s",
    meaning: "how long `/readyz` says no before the server takes no more connections, so that balancers see it",
  },
  "server.stop_timeout": {
    kind: duration("0s", "10m"),
    default: "10s",
    meaning: "for requests under way to end when the server stops",
  },

  "timeouts.connect": {
    kind: duration("10ms", "1m"),
    default: "1s",
    meaning: "for a connection to a partition to open",
  },
  "timeouts.query": {
    kind: duration("10ms", "10m"),
    default: "2s",
    meaning: "for one statement or transaction on a partition",
  },
  "timeouts.queue": {
    kind: duration("10ms", "10m"),
    default: "2s",
    meaning:
      "for a request to wait for its turn at a partition, or behind others of its connection; where others wait longer, new ones get 503 at once",
  },
  "timeouts.request": {
    kind: duration("10ms", "10m"),
    default: "10s",
    meaning: "for all that one request needs of the partitions",
  },
  "timeouts.catch_up": {
    kind: duration("0s", "1h"),
    default: "30s",
    meaning: "how long plain operations wait for hints that are out of reach before a partition is used again",
  },
  "sync.purge_after": {
    // Far above any difference between clocks, so that no write is older than what was forgotten.
    kind: duration("1h", "365d"),
    default: "24h",
    meaning: "how old tombstones and expired records get before they are forgotten",
  },
  "sync.pass_interval": {
    kind: duration("1s", "30d"),
    default: "10m",
    meaning: "between comparisons of the partitions (anti-entropy)",
  },
  "sync.purge_interval": {
    kind: duration("1s", "30d"),
    default: "1h",
    meaning: "between attempts to forget what is older than `sync.purge_after`",
  },
} as const satisfies { readonly [name: string]: Setting };

/** The settings of one section `[partition-N]`: `KVASIR_PARTITION_1_URL`, `--partition-1-url`. */
export const partitionSettings = {
  url: {
    kind: text,
    default: undefined,
    meaning: "`mysql://USER@HOST:PORT/DATABASE` (also `mariadb://`; several hosts with commas) or `sqlite:PATH`",
  },
  name: {
    kind: text,
    default: undefined,
    meaning: "the partition's name, for ever; without it the section's name, such as `partition-1`",
  },
  weight: {
    kind: weight,
    default: "1",
    meaning:
      "its share of the keys when `replicas` is a number; read when it joins, later `kvasir partition weight` sets it",
  },
  password: {
    kind: text,
    default: undefined,
    isSecret: true,
    meaning: "the database user's password",
  },
  password_env: { kind: text, default: undefined, meaning: "the environment variable that has the password" },
  password_file: { kind: text, default: undefined, meaning: "the file that has the password, and nothing else" },
  tls: {
    kind: truth,
    default: "false",
    meaning: "whether the connection is encrypted; a `tls_ca` or `tls_cert` also turns it on",
  },
  tls_verify: { kind: truth, default: "true", meaning: "whether the server's certificate and name are checked" },
  tls_ca: { kind: text, default: undefined, meaning: "the file with the certificates to trust (PEM)" },
  tls_cert: { kind: text, default: undefined, meaning: "the file with our certificate (PEM); needs `tls_key`" },
  tls_key: { kind: text, default: undefined, meaning: "the file with our certificate's key (PEM)" },
  read_connections: { kind: count(1, 256), default: "4", meaning: "connections of one process for reads" },
  write_connections: { kind: count(1, 256), default: "2", meaning: "connections of one process for writes" },
} as const satisfies { readonly [name: string]: Setting };

/** The type of a setting's value: with `undefined` when it has no default. */
type ValueOf<S> = S extends { kind: Kind<infer T>; default: infer D } ? (D extends string ? T : T | undefined) : never;
type SettingName = keyof typeof settings;
export type Values = { readonly [Name in SettingName]: ValueOf<(typeof settings)[Name]> };
export type PartitionSettingName = keyof typeof partitionSettings;
export type PartitionValues = {
  readonly [Name in PartitionSettingName]: ValueOf<(typeof partitionSettings)[Name]>;
};

/** `server.port` → `KVASIR_SERVER_PORT`. */
export function environmentName(setting: string): string {
  return `KVASIR_${setting.replace(/[.-]/g, "_").toUpperCase()}`;
}

/** `server.port` → `server-port`, without the dashes before it. */
export function flagName(setting: string): string {
  return setting.replace(/[._]/g, "-");
}
