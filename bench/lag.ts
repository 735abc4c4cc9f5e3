import { createHistogram } from "node:perf_hooks";
import { assembleStore } from "../src/assemble-store.ts";
import type { Partition } from "../src/partition.ts";
import type { Record } from "../src/record.ts";
import { batching } from "../src/replicas/batching.ts";
import { systemRuntime } from "../src/runtime.ts";

const writesPerSecond = 2000;
const tickMs = 5;
const deliveredMsMax = 60_000;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface Lag {
  readonly writesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * How long after the answer to a write (w=1) its other replica has it on disk, under a steady rate of writes. It opens
 * `pair` in a store of its own, and closes it.
 */
export async function measureLag(
  pair: readonly Partition[],
  lanes: { readLanes: number; writeLanes: number; waitMsMax: number },
  seconds: number,
): Promise<Lag> {
  const answered = new Map<string, number>();
  const arrived = new Map<string, number>();
  for (const partition of pair) observeApply(partition, ({ key }) => arrived.set(key, performance.now()));
  const partitions = pair.map((partition) => ({
    name: partition.name,
    weight: 1,
    displayUrl: "",
    partition: batching(partition, systemRuntime, lanes),
  }));
  const store = await assembleStore(partitions, {
    cluster: "bench",
    replicas: "all",
    standIn: true,
    requestTimeoutMs: 10_000,
    catchUpMs: 1000,
    purgeAfterMs: 86_400_000,
    passIntervalMs: 86_400_000,
    purgeIntervalMs: 86_400_000,
    isSyncing: true,
    runtime: systemRuntime,
    log,
  });
  const value = Buffer.alloc(128, "x");
  const started = performance.now();
  const pending: Promise<void>[] = [];
  // At its own pace, whatever the store takes: a late tick makes up for what it missed.
  while (performance.now() - started < seconds * 1000) {
    const due = Math.floor(((performance.now() - started) / 1000) * writesPerSecond);
    while (pending.length < due) {
      const key = `lag/${pending.length}`;
      const write = store.put(key, { value, type: "text/plain", metadata: "", expires: 0 });
      pending.push(write.then(() => void answered.set(key, performance.now())));
    }
    await new Promise((resolve) => setTimeout(resolve, tickMs));
  }
  await Promise.all(pending);
  while (arrived.size < answered.size) {
    if (performance.now() - started > seconds * 1000 + deliveredMsMax) {
      throw new Error(`${answered.size - arrived.size} writes did not reach their other replica`);
    }
    await new Promise((resolve) => setTimeout(resolve, tickMs));
  }
  await store.close();
  const lag = createHistogram();
  for (const [key, at] of answered) lag.record(Math.max(1, Math.round((arrived.get(key)! - at) * 1000)));
  return { writesPerSecond, p50Ms: lag.percentile(50) / 1000, p99Ms: lag.percentile(99) / 1000 };
}

/** Tells of each record that `partition` has on disk because another one gave it. */
function observeApply(partition: Partition, onApplied: (record: Record) => void): void {
  const apply = partition.apply.bind(partition);
  partition.apply = async (records, acceptOld) => {
    const dropped = await apply(records, acceptOld);
    for (const record of records) onApplied(record);
    return dropped;
  };
}
