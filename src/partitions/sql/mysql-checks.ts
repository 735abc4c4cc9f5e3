import { PartitionError } from "../../partition.ts";
import type { EngineFacts } from "./database.ts";
import { clusterRelaxations, clusterVariables, type Relaxation } from "./mysql-cluster.ts";
import type { MysqlOptions } from "./mysql-options.ts";

export type Variables = ReadonlyMap<string, string>;

const names = [
  "autocommit",
  "character_set_client",
  "character_set_connection",
  "innodb_flush_log_at_trx_commit",
  "log_bin",
  "max_allowed_packet",
  "read_only",
  "sql_mode",
  "sync_binlog",
  "transaction_isolation",
  "tx_isolation",
  "version",
  ...clusterVariables,
];

/** SHOW VARIABLES leaves out what a server does not know (each has another name for the isolation). */
export const variablesQuery = `SHOW SESSION VARIABLES WHERE Variable_name IN (${names.map((name) => `'${name}'`).join(", ")})`;

/** Data that does not fit is an error and never cut off; a table is InnoDB or an error. */
export const sqlModes = ["STRICT_ALL_TABLES", "NO_ENGINE_SUBSTITUTION", "ERROR_FOR_DIVISION_BY_ZERO"];

/** What a packet holds beside the value: the other columns and the statement. */
const packetMarginBytes = 64 * 1024;
const packetBytesMin = 2 ** 20;

/** @throws PartitionError `refused` when a session is not what it was set to: a proxy may swallow SET. */
export function checkSession(options: MysqlOptions, variables: Variables, autocommit: "ON" | "OFF"): void {
  const isolation = variables.get("transaction_isolation") ?? variables.get("tx_isolation");
  const expected = [
    { name: "transaction isolation", found: isolation, wanted: "READ-COMMITTED" },
    { name: "autocommit", found: variables.get("autocommit"), wanted: autocommit },
    { name: "character_set_client", found: variables.get("character_set_client"), wanted: "utf8mb4" },
    { name: "character_set_connection", found: variables.get("character_set_connection"), wanted: "utf8mb4" },
    { name: "sql_mode", found: sortedModes(variables.get("sql_mode")), wanted: sortedModes(sqlModes.join()) },
  ];
  const wrong = expected.find(({ found, wanted }) => found !== wanted);
  if (wrong === undefined) return;
  const message = `${wrong.name} stays ${wrong.found} when it is set to ${wrong.wanted}; let the proxy pass SET on`;
  throw new PartitionError("refused", options.name, message);
}

function sortedModes(modes = ""): string {
  return modes.split(",").sort().join();
}

/** @throws PartitionError `refused` when the server, as it is set up, cannot hold a partition. */
export function checkServer(options: MysqlOptions, variables: Variables): EngineFacts {
  const refuse = (message: string) => new PartitionError("refused", options.name, message);
  const { engine, isTooOld } = engineOf(variables.get("version") ?? "");
  if (isTooOld) throw refuse(`${engine} is too old; use MariaDB 10.5 or MySQL 8.0, or newer`);

  const packetBytes = Number(variables.get("max_allowed_packet"));
  if (!(packetBytes >= packetBytesMin)) {
    throw refuse(`max_allowed_packet is ${packetBytes} bytes; set it to at least 1M (16M is usual) on the server`);
  }
  if ((variables.get("read_only") ?? "OFF") !== "OFF") {
    throw refuse("the server is read_only; connect to the primary, or SET GLOBAL read_only = OFF");
  }
  const relaxed = relaxations(variables);
  const durabilityNote = relaxed.map(({ name, found }) => `${name} is ${found}`).join("; ");
  if (durabilityNote !== "" && options.strictDurability) {
    const mends = relaxed.map(({ name, mend }) => `${name} = ${mend}`).join(", ");
    throw refuse(`${durabilityNote}; set ${mends} on the server, or durability = "relaxed" here`);
  }
  const durability = durabilityNote === "" ? "strict" : "relaxed";
  return { engine, durability, durabilityNote, valueBytesMax: packetBytes - packetMarginBytes };
}

function engineOf(version: string): { engine: string; isTooOld: boolean } {
  const [number, major, minor] = /^(\d+)\.(\d+)[.\d]*/.exec(version) ?? [version, "0", "0"];
  const isMariadb = version.includes("MariaDB");
  const release = Number(major) * 100 + Number(minor);
  return { engine: `${isMariadb ? "MariaDB" : "MySQL"} ${number}`, isTooOld: release < (isMariadb ? 1005 : 800) };
}

/** Settings with which a crash of the server or its machine, or a split cluster, may lose commits that were answered. */
function relaxations(variables: Variables): Relaxation[] {
  const flush = variables.get("innodb_flush_log_at_trx_commit") ?? "1";
  const sync = variables.get("log_bin") === "ON" ? (variables.get("sync_binlog") ?? "0") : "1";
  const crash = [
    { name: "innodb_flush_log_at_trx_commit", found: flush, mend: "1" },
    { name: "sync_binlog", found: sync, mend: "1" },
  ];
  return [...crash.filter(({ found, mend }) => found !== mend), ...clusterRelaxations(variables)];
}
