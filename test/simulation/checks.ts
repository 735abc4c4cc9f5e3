import { isLive, type Record } from "../../src/record.ts";
import { compareVersions, formatVersion, type Version } from "../../src/version.ts";
import { type HistoryOperation, isLinearizable } from "../support/linearizability.ts";
import { type Answer, describeAnswer, type Operation } from "./client.ts";
import type { Database } from "./database.ts";
import { type CommittedWrite, describe, type Oracle } from "./oracle.ts";
import type { Settings } from "./settings.ts";

/** Why it is not quiet yet, `""` when it is: no hint is owed, and all replicas of all keys are the same. */
export function unrest(oracle: Oracle, now: number): string {
  for (const database of oracle.databases) {
    for (const [target, hints] of database.state.outbox) {
      for (const hint of hints.values()) return `${database.name} still owes ${hint.key} to ${target}`;
    }
    if (oracle.isReceiving(database)) return `${database.name} is still recovering`;
  }
  for (const key of oracle.committed.keys()) {
    const replicas = oracle.replicasOf(key);
    const texts = replicas.map((replica) => relevant(replica, key, now));
    if (texts.some((text) => text !== texts[0]))
      return `the replicas of ${key} differ: ${replicas.map(({ name }, index) => `${name} has ${texts[index]}`).join(", ")}`;
  }
  return "";
}

/** A record as it counts: purged tombstones and expired records are the same as nothing. */
function relevant({ state }: Database, key: string, now: number): string {
  const record = state.records.get(key);
  if (record === undefined || !isLive(record, now)) return "nothing";
  return describe(record);
}

/** What must be on the disks when all is quiet. */
export function checkFinal(oracle: Oracle, now: number): void {
  for (const key of oracle.committed.keys()) {
    const winner = oracle.winner(key);
    if (winner === undefined) continue;
    for (const replica of oracle.replicasOf(key)) checkReplica(oracle, replica, key, winner, now);
  }
  for (const database of oracle.databases) {
    for (const key of database.state.records.keys()) {
      if (!oracle.replicasOf(key).includes(database)) oracle.fail(`${database.name} has ${key}, which is not for it`);
    }
  }
}

function checkReplica(oracle: Oracle, replica: Database, key: string, winner: CommittedWrite, now: number): void {
  const row = replica.state.records.get(key);
  const must = describe(winner.record);
  if (row === undefined) {
    if (isLive(winner.record, now)) oracle.fail(`${replica.name} lacks ${must}, which was committed and won`);
    return;
  }
  // Expired and deleted are the same as absent, and are not brought to each other.
  if (!isLive(winner.record, now) && !isLive(row, now)) return;
  const order = compareVersions(row.version, winner.record.version);
  // A greater one must be a write that was lost with a disk and turned up again.
  const write = oracle.find(key, row.version);
  if (order < 0 || write === undefined || (order > 0 && !write.isLost))
    oracle.fail(`${replica.name} has ${describe(row)} instead of ${must}`);
}

/** What each client was told must agree with what was committed. */
export function checkAnswers(oracle: Oracle, history: readonly Operation[]): void {
  const commitsOf = new Map<string, CommittedWrite[]>();
  for (const writes of oracle.committed.values()) {
    for (const write of writes) {
      if (write.record.isTombstone || write.isLost) continue;
      commitsOf.set(write.operation, [...(commitsOf.get(write.operation) ?? []), write]);
    }
  }
  for (const [operation, writes] of commitsOf) {
    if (writes.length > 1)
      oracle.fail(
        `${operation} was applied ${writes.length} times: ${writes.map(({ record }) => describe(record)).join(", ")}`,
      );
  }
  for (const operation of history) {
    const { name, key, kind, answer } = operation;
    if (kind === "get" || answer === undefined) continue;
    const commit = commitsOf.get(name)?.[0];
    if (answer.kind === "refused" && commit !== undefined && kind !== "delete")
      oracle.fail(`${name} was refused (${answer.code}) and yet committed ${describe(commit.record)}`);
    if (answer.kind !== "applied") continue;
    const { version } = answer;
    if (version.stamp <= operation.stamp)
      oracle.fail(`${name} on ${key} got ${formatVersion(version)}, at or below its clock token`);
    const write = oracle.find(key, version);
    const isSuperseded = () =>
      (oracle.committed.get(key) ?? []).some((each) => compareVersions(each.record.version, version) > 0);
    if (write === undefined) {
      // A repeat of a lost write that a newer one had replaced meanwhile: whether it was ever stored does not show.
      if (!isSuperseded()) oracle.fail(`${name} was told ${describeAnswer(answer)} of ${key}, which nobody committed`);
    } else if (kind !== "delete" && write.operation !== name) {
      oracle.fail(`${name} was told ${describeAnswer(answer)}, which is ${write.operation}'s write`);
    }
  }
  checkTombstones(oracle, history);
  checkOrder(oracle, history);
}

/** Every tombstone was somebody's, who was not told that nothing happened. */
function checkTombstones(oracle: Oracle, history: readonly Operation[]): void {
  // Who repeats a delete hours later, when its tombstone was purged, is told of another one.
  const isForgotten = ({ key, version }: Record) => (oracle.purged.get(key)?.stamp ?? 0n) >= version.stamp;
  for (const [key, writes] of oracle.committed) {
    const deletes = history.filter((operation) => operation.kind === "delete" && operation.key === key);
    let unknown = deletes.filter(({ answer }) => answer === undefined || answer.kind === "unknown").length;
    for (const { record, isLost } of writes) {
      if (!record.isTombstone || isLost || isForgotten(record)) continue;
      const isTold = deletes.some(
        ({ answer }) => answer?.kind === "applied" && compareVersions(answer.version, record.version) === 0,
      );
      if (!isTold && unknown-- <= 0) oracle.fail(`${describe(record)} was nobody's delete, or one that was refused`);
    }
  }
}

/** Promise 3: later writes win where the earlier one had reached the partition that took the later one. */
function checkOrder(oracle: Oracle, history: readonly Operation[]): void {
  const applied = history.filter((operation) => operation.answer?.kind === "applied");
  for (const later of applied) {
    const laterVersion = versionOf(later.answer);
    const laterWrite = oracle.find(later.key, laterVersion);
    for (const earlier of applied) {
      if (earlier.key !== later.key || earlier.answered >= later.invoked) continue;
      const earlierVersion = versionOf(earlier.answer);
      if (compareVersions(laterVersion, earlierVersion) > 0) continue;
      const earlierWrite = oracle.find(earlier.key, earlierVersion);
      if (later.hasRequest || earlierWrite === undefined || laterWrite?.wasSuperseded !== false) continue;
      if (earlierWrite.database !== laterWrite.database || oracle.databases.some(({ setbacks }) => setbacks > 0))
        continue;
      oracle.fail(
        `${later.name} of ${later.key} was acknowledged after ${earlier.name} by the same partition, and loses to it`,
      );
    }
  }
}

interface Register {
  readonly version: string;
  readonly isLive: boolean;
}

const registerKey = ({ version, isLive }: Register) => `${version} ${isLive}`;

/** Promise 5: what is decided at the home is linearizable per key where no stand-in took a write. */
export function checkLinearizability(oracle: Oracle, history: readonly Operation[], settings: Settings): number {
  let checked = 0;
  for (const key of settings.keys) {
    const [home] = oracle.replicasOf(key);
    const writes = oracle.committed.get(key) ?? [];
    if (settings.expiringKeys.has(key) || home!.setbacks > 0 || writes.some((write) => write.isStandIn)) continue;
    const operations = history.flatMap((operation) =>
      operation.key === key ? (registerOperation(oracle, operation) ?? []) : [],
    );
    checked++;
    if (isLinearizable(operations, { version: "", isLive: false }, registerKey)) continue;
    const lines = operations.map(
      ({ name, invoked, answered }) => `${name} ${invoked.toFixed(2)}-${answered.toFixed(2)}`,
    );
    oracle.fail(`the history of ${key} at its home is not linearizable: ${lines.join("; ")}`);
  }
  return checked;
}

function registerOperation(oracle: Oracle, operation: Operation): HistoryOperation<Register> | undefined {
  const { name, key, kind, invoked, answered, answer, condition } = operation;
  const common = {
    name: `${name} ${kind} ${JSON.stringify(condition ?? "")} ${answer ? describeAnswer(answer) : "?"}`,
    invoked,
    answered,
  };
  const holds = ({ version, isLive }: Register) => {
    const names = (list: "*" | readonly string[]) => isLive && (list === "*" || list.includes(version));
    if (condition?.ifMatch !== undefined && !names(condition.ifMatch)) return false;
    return condition?.ifNoneMatch === undefined || !names(condition.ifNoneMatch);
  };
  if (answer?.kind === "read") {
    if (!answer.isFromHome) return undefined;
    const { version } = answer;
    const step = (state: Register) => {
      const isSeen = version === undefined ? !state.isLive : state.isLive && state.version === formatVersion(version);
      return isSeen ? state : undefined;
    };
    return { ...common, step };
  }
  if (kind === "get") return undefined;
  if (answer?.kind === "refused") {
    if (answer.code === "not_found") return { ...common, step: (state) => (state.isLive ? undefined : state) };
    if (answer.code !== "precondition_failed" || condition === undefined) return undefined;
    const current = answer.current && formatVersion(answer.current);
    const step = (state: Register) => {
      const isSame = current === undefined ? !state.isLive : state.isLive && state.version === current;
      return isSame && !holds(state) ? state : undefined;
    };
    return { ...common, step };
  }
  const write = writeOf(oracle, operation);
  // Whether a plain write that is repeated was stored before a newer one replaced it, nobody can tell.
  if (answer?.kind === "applied" && oracle.find(key, answer.version)?.wasSuperseded !== false) return undefined;
  if (answer?.kind === "applied") {
    const version = formatVersion(answer.version);
    // A repeat is answered with what was there the first time.
    const existed = oracle.find(key, answer.version)?.isRepeat === true ? undefined : answer.existed;
    const value = write && Buffer.from(write.record.value).toString();
    const step = (state: Register) => {
      if (existed !== undefined && state.isLive !== existed) return undefined;
      if (!holds(state)) return undefined;
      if (kind === "update" && !isBuiltOn(oracle, key, state, value)) return undefined;
      return { version, isLive: kind !== "delete" };
    };
    return { ...common, step };
  }
  // No answer came: where it was committed it took effect, some time.
  if (kind === "delete") return unknownDelete(common);
  if (write === undefined) return undefined;
  const version = formatVersion(write.record.version);
  const value = Buffer.from(write.record.value).toString();
  const step = (state: Register) => {
    if (!holds(state) || (kind === "update" && !isBuiltOn(oracle, key, state, value))) return undefined;
    return { version, isLive: true };
  };
  return { ...common, answered: Number.POSITIVE_INFINITY, step };
}

/** Which tombstone it became, if any, does not show: any may be its own that no other delete was told of. */
function unknownDelete(common: { name: string; invoked: number }): HistoryOperation<Register> {
  const step = () => ({ version: "deleted", isLive: false });
  return { ...common, answered: Number.POSITIVE_INFINITY, step, isOptional: true };
}

/** Whether an update that stored `value` read what `state` says. */
function isBuiltOn(oracle: Oracle, key: string, state: Register, value: string | undefined): boolean {
  if (!state.isLive || value === undefined) return false;
  const before = oracle.committed.get(key)?.find(({ record }) => formatVersion(record.version) === state.version);
  return before !== undefined && value.startsWith(`${Buffer.from(before.record.value).toString()},`);
}

function writeOf(oracle: Oracle, { key, name, kind }: Operation): CommittedWrite | undefined {
  if (kind === "delete") return undefined;
  return oracle.committed.get(key)?.find((write) => !write.record.isTombstone && write.operation === name);
}

function versionOf(answer: Answer | undefined): Version {
  if (answer?.kind !== "applied") throw new Error("not applied");
  return answer.version;
}

/** Keys that some disk still holds a tombstone or an expired record of. */
export function unpurged(oracle: Oracle, now: number): string {
  for (const database of oracle.databases) {
    for (const record of database.state.records.values() as Iterable<Record>) {
      if (!isLive(record, now)) return `${database.name} has not purged ${describe(record)}`;
    }
  }
  return "";
}
