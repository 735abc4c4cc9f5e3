import { isLive, type Record } from "../../src/record.ts";
import { compareVersions, formatVersion, type Version } from "../../src/version.ts";
import { type Answer, describeAnswer, type Operation } from "./client.ts";
import type { Database } from "./database.ts";
import { type CommittedWrite, describe, type Oracle } from "./oracle.ts";

/** Why it is not quiet yet, `""` when it is: no hint is owed, and all replicas of all keys are the same. */
export function unrest(oracle: Oracle, now: number): string {
  if (oracle.topology.change !== undefined) return `the topology is changing: ${JSON.stringify(oracle.topology)}`;
  for (const database of oracle.members) {
    for (const key of database.state.records.keys())
      if (!oracle.ownersOf(key).includes(database)) return `${database.name} still has ${key}, which moved away`;
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
  for (const database of oracle.members) {
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
    if (writes.length === 1 || wasSetBackBetween(oracle, writes)) continue;
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
    if (write === undefined)
      oracle.fail(`${name} was told ${describeAnswer(answer)} of ${key}, which nobody committed`);
    else if (kind !== "delete" && write.operation !== name)
      oracle.fail(`${name} was told ${describeAnswer(answer)}, which is ${write.operation}'s write`);
  }
  checkTombstones(oracle, history);
  checkOrder(oracle, history);
}

/** The ids of requests are with the home alone, and as old as it is. */
function wasSetBackBetween(oracle: Oracle, writes: readonly CommittedWrite[]): boolean {
  const [from, to] = [writes[0]!.commits[0]!.at, writes.at(-1)!.commits[0]!.at];
  return oracle.databases.some(({ setBackAt }) => setBackAt.some((at) => at >= from && at <= to));
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
      if (later.hasRequest || earlierWrite === undefined || laterWrite === undefined) continue;
      const [first] = earlierWrite.commits;
      if (first?.database !== laterWrite.commits[0]?.database) continue;
      if (oracle.databases.some(({ setbacks }) => setbacks > 0)) continue;
      oracle.fail(
        `${later.name} of ${later.key} was acknowledged after ${earlier.name} by the same partition, and loses to it`,
      );
    }
  }
}

function versionOf(answer: Answer | undefined): Version {
  if (answer?.kind !== "applied") throw new Error("not applied");
  return answer.version;
}

/** Keys that some disk still holds a tombstone or an expired record of. */
export function unpurged(oracle: Oracle, now: number): string {
  for (const database of oracle.members) {
    for (const record of database.state.records.values() as Iterable<Record>) {
      if (!isLive(record, now)) return `${database.name} has not purged ${describe(record)}`;
    }
  }
  return "";
}
