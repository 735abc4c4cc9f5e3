import { HybridClock } from "./clock.ts";
import { type Partition, PartitionError, type PartitionInfo } from "./partition.ts";
import type { PlacedPartition } from "./replicas/placement.ts";
import { type Log, Replica } from "./replicas/replica.ts";
import { ReplicaSet } from "./replicas/replica-set.ts";
import type { Runtime } from "./runtime.ts";
import { Store } from "./store.ts";
import { Handoff } from "./sync/handoff.ts";
import { newWriterId } from "./version.ts";

/** One partition as a store is assembled from it. */
export interface StorePartition extends PlacedPartition {
  readonly partition: Partition;
  readonly displayUrl: string;
}

export interface AssemblyOptions {
  readonly cluster: string | undefined;
  readonly replicas: "all" | number;
  readonly standIn: boolean;
  readonly requestTimeoutMs: number;
  readonly runtime: Runtime;
  readonly log: Log;
}

/** Puts a store together from partitions that have their schema, and starts its background work. */
export async function assembleStore(partitions: readonly StorePartition[], options: AssemblyOptions): Promise<Store> {
  const { runtime, log } = options;
  let cluster = options.cluster;
  const accept = ({ identity }: PartitionInfo): void => {
    cluster ??= identity.cluster;
    if (identity.cluster === cluster) return;
    const reason = `this database belongs to the store ${identity.cluster}, not to ${cluster}; check its url`;
    throw new PartitionError("refused", identity.partition, reason);
  };
  const replicas: Replica[] = partitions.map(
    ({ partition, displayUrl }) =>
      new Replica(partition, displayUrl, {
        runtime,
        log,
        accept,
        catchUp: (replica) => handoff.catchUp(replica),
        onSteady: () => undefined,
      }),
  );
  const replicaSet = new ReplicaSet(replicas, partitions, options.replicas);
  const handoff = new Handoff({ replicas: replicaSet, runtime, log });
  await Promise.all(replicas.map((replica) => replica.connect()));
  handoff.start();
  return new Store({
    cluster: () => cluster ?? "",
    replicas: replicaSet,
    handoff,
    clock: new HybridClock(runtime),
    runtime,
    writer: newWriterId(runtime.random),
    standIn: options.standIn,
    requestTimeoutMs: options.requestTimeoutMs,
  });
}
