import { PartitionError } from "../../partition.ts";
import type { Variables } from "./mysql-checks.ts";
import type { Host } from "./mysql-hosts.ts";
import type { MysqlOptions } from "./mysql-options.ts";

/** What of a server's variables says that it belongs to a cluster, and how that is set up. */
export const clusterVariables = [
  "group_replication_consistency",
  "group_replication_group_name",
  "group_replication_single_primary_mode",
  "innodb_read_only",
  "wsrep_on",
  "wsrep_provider",
  "wsrep_provider_options",
];

/**
 * For each session with a Galera member. A transaction's first SELECT, and every other SELECT, waits until the member
 * has applied what was committed on any of them before: then an answer is never older than an acknowledged write,
 * and what is decided under a row's lock without being written is decided on the newest row.
 */
export const galeraSettings = "SET SESSION wsrep_sync_wait = 1, SESSION wsrep_dirty_reads = OFF";
export const galeraState = "SHOW STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_incoming_addresses')";
export const galeraCheck = "SHOW SESSION VARIABLES WHERE Variable_name = 'wsrep_sync_wait'";

/** A setting with which acknowledged writes may be lost, and the one without. */
export interface Relaxation {
  readonly name: string;
  readonly found: string;
  readonly mend: string;
}

export function isGaleraMember(variables: Variables): boolean {
  return hasGalera(variables) && variables.get("wsrep_on") === "ON";
}

/** How many members that hold data the state of one of them tells of: an arbitrator has no address for clients. */
export function galeraSize(state: Variables): number {
  return (state.get("wsrep_incoming_addresses") ?? "").split(",").filter((address) => address.trim() !== "").length;
}

/** @throws PartitionError `unreachable`: another host may do better. */
export function checkMember({ name, hosts }: MysqlOptions, { host, port }: Host, variables: Variables): void {
  const isReadOnly = ["read_only", "innodb_read_only"].some((each) => (variables.get(each) ?? "OFF") !== "OFF");
  if (hosts.length > 1 && isReadOnly) throw new PartitionError("unreachable", name, `${host}:${port} is read_only`);
}

/** @throws PartitionError `unreachable` or, when a proxy swallows SET, `refused`. */
export function checkGalera(options: MysqlOptions, { host, port }: Host, state: Variables, session: Variables): void {
  if (state.get("wsrep_ready") !== "ON") {
    const message = `${host}:${port} is no member of its cluster's primary component now (wsrep_ready is OFF)`;
    throw new PartitionError("unreachable", options.name, message);
  }
  if (session.get("wsrep_sync_wait") === "1") return;
  throw new PartitionError("refused", options.name, "wsrep_sync_wait cannot be set; let the proxy pass SET on");
}

/** Settings of a cluster with which it may lose writes that were answered, or decide on old rows. */
export function clusterRelaxations(variables: Variables): Relaxation[] {
  return [...galeraRelaxations(variables), ...groupRelaxations(variables)];
}

function galeraRelaxations(variables: Variables): Relaxation[] {
  if (!hasGalera(variables)) return [];
  const provider = new Map(
    (variables.get("wsrep_provider_options") ?? "").split(";").map((option): [string, string] => {
      const [name = "", value = ""] = option.split("=");
      return [name.trim(), value.trim()];
    }),
  );
  const risky = ["pc.ignore_quorum", "pc.ignore_sb"].filter((name) =>
    ["true", "yes", "1"].includes(provider.get(name) ?? ""),
  );
  return [
    ...(variables.get("wsrep_on") === "ON" ? [] : [{ name: "wsrep_on", found: "OFF", mend: "ON" }]),
    ...risky.map((name) => ({ name, found: "true", mend: "false" })),
  ];
}

function groupRelaxations(variables: Variables): Relaxation[] {
  if ((variables.get("group_replication_group_name") ?? "") === "") return [];
  const name = "group_replication_consistency";
  const found = variables.get(name) ?? "EVENTUAL";
  const isSinglePrimary = variables.get("group_replication_single_primary_mode") !== "OFF";
  return [
    ...(found === "EVENTUAL" ? [{ name, found, mend: "BEFORE_ON_PRIMARY_FAILOVER" }] : []),
    ...(isSinglePrimary ? [] : [{ name: "group_replication_single_primary_mode", found: "OFF", mend: "ON" }]),
  ];
}

function hasGalera(variables: Variables): boolean {
  return !["", "none"].includes(variables.get("wsrep_provider") ?? "");
}
