import type { Record } from "../../src/record.ts";
import { formatVersion } from "../../src/version.ts";
import { type HistoryOperation, isLinearizable } from "../support/linearizability.ts";
import { describeAnswer, type Operation } from "./client.ts";
import type { Calm, CommittedWrite, Oracle } from "./oracle.ts";
import type { Settings } from "./settings.ts";

/** What the home of a key has. */
interface Register {
  readonly version: string;
  readonly isTombstone: boolean;
  readonly expires: number;
}

/** What somebody may see of it. */
interface View {
  readonly version: string;
  readonly isLive: boolean;
}

const absent: Register = { version: "", isTombstone: true, expires: 0 };
const registerKey = ({ version }: Register) => version;

/**
 * Promise 5: what is decided at the home is linearizable per key, as long as nothing that a stand-in took is
 * undelivered. Each such time is a history of its own, which begins with what the home had then.
 *
 * @returns how many operations were checked.
 */
export function checkLinearizability(oracle: Oracle, history: readonly Operation[], settings: Settings): number {
  let checked = 0;
  for (const key of settings.keys) {
    const calms = oracle.calms.get(key) ?? [
      { home: oracle.replicasOf(key)[0]?.name, from: 0, to: Number.POSITIVE_INFINITY, row: undefined },
    ];
    const operations = history.filter((operation) => operation.key === key);
    for (const calm of calms) {
      const found = operations.flatMap((operation) => {
        const placed = place(oracle, operation, calm);
        return placed === undefined ? [] : [historyOperation(oracle, operation, placed, settings)];
      });
      checked += found.length;
      const initial = calm.row === undefined ? absent : registerOf(calm.row);
      if (isLinearizable(found, initial, registerKey)) continue;
      const lines = found.map(({ name, invoked, answered }) => `${name} ${invoked.toFixed(2)}-${answered.toFixed(2)}`);
      const { version } = initial;
      oracle.fail(`the history of ${key} at its home, from ${version} on, is not linearizable: ${lines.join("; ")}`);
    }
  }
  return checked;
}

/** When an operation took effect at the home, and as what. */
interface Placed {
  readonly invoked: number;
  readonly answered: number;
  readonly write: CommittedWrite | undefined;
}

/** `undefined` for what did not take place in `calm`, or cannot be told. */
function place(oracle: Oracle, operation: Operation, calm: Calm): Placed | undefined {
  const { key, kind, invoked, answered, answer } = operation;
  const isInside = invoked >= calm.from && answered <= calm.to;
  if (answer?.kind === "read")
    return isInside && answer.isFromHome ? { invoked, answered, write: undefined } : undefined;
  if (kind === "get") return undefined;
  if (answer?.kind === "refused") {
    const isTold = answer.code === "not_found" || (answer.code === "precondition_failed" && operation.condition);
    return isInside && isTold ? { invoked, answered, write: undefined } : undefined;
  }
  const isUnknown = answer?.kind !== "applied";
  const clipped = {
    invoked: Math.max(invoked, calm.from),
    answered: Math.min(isUnknown ? Number.POSITIVE_INFINITY : answered, calm.to),
  };
  // Which tombstone it became, if any, does not show: any may be its own that no other delete was told of.
  if (isUnknown && kind === "delete") return invoked < calm.to ? { ...clipped, write: undefined } : undefined;
  const write = isUnknown ? writeOf(oracle, operation) : oracle.find(key, answer.version);
  if (write === undefined) return undefined;
  const tookPlace = write.commits.some(({ database, at }) => database === calm.home && at > calm.from && at <= calm.to);
  return tookPlace ? { ...clipped, write } : undefined;
}

function historyOperation(
  oracle: Oracle,
  operation: Operation,
  { invoked, answered, write }: Placed,
  settings: Settings,
): HistoryOperation<Register> {
  const { name, key, kind, answer, condition } = operation;
  const common = {
    name: `${name} ${kind} ${JSON.stringify(condition ?? "")} ${answer ? describeAnswer(answer) : "?"}`,
    invoked,
    answered,
  };
  const seen = (state: Register, isRight: (view: View) => boolean) => views(state, operation, settings).some(isRight);
  const holds = ({ version, isLive }: View) => {
    const names = (list: "*" | readonly string[]) => isLive && (list === "*" || list.includes(version));
    if (condition?.ifMatch !== undefined && !names(condition.ifMatch)) return false;
    return condition?.ifNoneMatch === undefined || !names(condition.ifNoneMatch);
  };
  const isCurrent = (view: View, version: string | undefined) =>
    version === undefined ? !view.isLive : view.isLive && view.version === version;
  if (answer?.kind === "read") {
    const version = answer.version && formatVersion(answer.version);
    return { ...common, step: (state) => (seen(state, (view) => isCurrent(view, version)) ? state : undefined) };
  }
  if (answer?.kind === "refused") {
    const current = answer.current && formatVersion(answer.current);
    const isRight = (view: View) => isCurrent(view, current) && (answer.code === "not_found" || !holds(view));
    return { ...common, step: (state) => (seen(state, isRight) ? state : undefined) };
  }
  if (write === undefined) {
    const step = () => ({ ...absent, version: "deleted" });
    return { ...common, step, isOptional: true };
  }
  const existed = answer?.kind === "applied" ? answer.existed : undefined;
  const isRight = (view: View) =>
    (existed === undefined || view.isLive === existed) &&
    holds(view) &&
    (kind !== "update" || isBuiltOn(oracle, key, view, write));
  return { ...common, step: (state) => (seen(state, isRight) ? registerOf(write.record) : undefined) };
}

function registerOf({ version, isTombstone, expires }: Record): Register {
  return { version: formatVersion(version), isTombstone, expires };
}

/** What front ends may see during `operation`, by whatever their clocks may show. */
function views({ version, isTombstone, expires }: Register, operation: Operation, { skewMs }: Settings): View[] {
  const live = { version, isLive: true };
  const gone = { version, isLive: false };
  if (isTombstone) return [gone];
  if (expires === 0) return [live];
  // Drift adds less than a second.
  const errorMs = skewMs + 1000;
  const mayBeLive = expires > operation.invokedAt - errorMs;
  const mayBeGone = expires <= operation.answeredAt + errorMs;
  return [...(mayBeLive ? [live] : []), ...(mayBeGone ? [gone] : [])];
}

/** Whether an update that became `write` has read what `view` says. */
function isBuiltOn(oracle: Oracle, key: string, view: View, write: CommittedWrite): boolean {
  const value = Buffer.from(write.record.value).toString();
  const before = oracle.committed.get(key)?.find(({ record }) => formatVersion(record.version) === view.version);
  return view.isLive && before !== undefined && value.startsWith(`${Buffer.from(before.record.value).toString()},`);
}

function writeOf(oracle: Oracle, { key, name }: Operation): CommittedWrite | undefined {
  return oracle.committed.get(key)?.find((write) => !write.record.isTombstone && write.operation === name);
}
