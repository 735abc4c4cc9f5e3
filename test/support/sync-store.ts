import type { Partition } from "../../src/partition.ts";
import { MemoryPartition, MemoryState } from "../../src/partitions/memory.ts";
import { Replica } from "../../src/replicas/replica.ts";
import { ReplicaSet } from "../../src/replicas/replica-set.ts";
import { systemRuntime } from "../../src/runtime.ts";
import { AntiEntropy } from "../../src/sync/anti-entropy.ts";
import { Handoff } from "../../src/sync/handoff.ts";
import { Purge } from "../../src/sync/purge.ts";
import { isReceiving } from "../../src/sync/standing.ts";
import { silentLog } from "./memory-store.ts";

const hourMs = 3_600_000;

/** A partition in memory whose state can be exchanged, as by restoring a backup. */
export interface SyncPartition {
  readonly name: string;
  readonly partition: Partition;
  state: MemoryState;
}

/** The synchronisation of some partitions without front end or background, one step at a time. */
export async function syncStore(count: number, replicas: "all" | number = "all") {
  const clock = { now: Date.now() };
  const runtime = { ...systemRuntime, now: () => clock.now };
  const partitions = Array.from({ length: count }, (_, index) => exchangeable(`p${index + 1}`));
  for (const { partition, name } of partitions) await partition.initialise({ cluster: "test", partition: name });
  const members: Replica[] = partitions.map(
    ({ partition }) =>
      new Replica(partition, "", {
        runtime,
        log: silentLog,
        accept: () => undefined,
        isReceiving: (replica) => isReceiving(replica, replicaSet, runtime),
        catchUp: async () => undefined,
        onSteady: () => undefined,
      }),
  );
  const topology = { epoch: 0, members: partitions.map(({ name }) => ({ name, weight: 1 })), replicas, gone: [] };
  const replicaSet = new ReplicaSet(topology, (name) => members.find((member) => member.name === name)!);
  const options = { replicas: replicaSet, runtime, log: silentLog };
  const antiEntropy = new AntiEntropy(options);
  const connect = async () => {
    await Promise.all(members.map((replica) => replica.open()));
    await Promise.all(members.map((replica) => replica.admit()));
  };
  await connect();
  return {
    clock,
    runtime,
    partitions,
    members,
    replicaSet,
    antiEntropy,
    handoff: new Handoff({ ...options, catchUpMs: 1000 }),
    purge: new Purge({ ...options, antiEntropy, purgeAfterMs: 24 * hourMs }),
    connect,
    close: () => Promise.all(members.map((replica) => replica.close())),
  };
}

function exchangeable(name: string): SyncPartition {
  const holder = { state: new MemoryState() };
  const partition = new Proxy({} as Partition, {
    get: (_, property: keyof Partition) => {
      const memory = new MemoryPartition(name, holder.state);
      const value = (memory as Partition)[property];
      return typeof value === "function" ? (value as (...parameters: never[]) => unknown).bind(memory) : value;
    },
  });
  return Object.assign(holder, { name, partition });
}

/** What a backup of the partition holds. */
export function backupOf({ state }: SyncPartition): MemoryState {
  const copy = new MemoryState();
  copy.identity = state.identity;
  copy.progress = state.progress;
  copy.topology = state.topology;
  for (const [key, record] of state.records) copy.records.set(key, record);
  for (const [target, hints] of state.outbox) copy.outbox.set(target, new Map(hints));
  return copy;
}
