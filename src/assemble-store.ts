import { HybridClock } from "./clock.ts";
import { type Partition, PartitionError, type PartitionInfo } from "./partition.ts";
import { ClockFence } from "./replicas/clock-fence.ts";
import type { PlacedPartition } from "./replicas/placement.ts";
import { type Log, Replica } from "./replicas/replica.ts";
import { ReplicaSet } from "./replicas/replica-set.ts";
import type { Runtime } from "./runtime.ts";
import { Store } from "./store.ts";
import { AntiEntropy } from "./sync/anti-entropy.ts";
import { Handoff } from "./sync/handoff.ts";
import { SyncLoop } from "./sync/loop.ts";
import { Purge } from "./sync/purge.ts";
import { isReceiving } from "./sync/standing.ts";
import { Tokens } from "./tokens.ts";
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
  /** How long a returning replica waits for stand-ins' writes that are out of reach. */
  readonly catchUpMs: number;
  /** How old tombstones and expired records get before they are forgotten. */
  readonly purgeAfterMs: number;
  readonly passIntervalMs: number;
  readonly purgeIntervalMs: number;
  /** Whether it synchronises by itself in the background. */
  readonly isSyncing: boolean;
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
        isReceiving: (replica) => isReceiving(replica, replicaSet),
        catchUp: (replica) => handoff.catchUp(replica),
        onSteady: (replica) => {
          // What it has recorded of the others may show that one of them was set back.
          for (const other of replicas) if (other !== replica) void other.reconsider();
          // What stand-ins took while it caught up keeps it from deciding anything.
          handoff.catchUpLate().catch((error: unknown) => log.error({ err: error }, "catching up failed"));
        },
      }),
  );
  const replicaSet = new ReplicaSet(replicas, partitions, options.replicas);
  const handoff = new Handoff({ replicas: replicaSet, runtime, log, catchUpMs: options.catchUpMs });
  const antiEntropy = new AntiEntropy({ replicas: replicaSet, runtime, log });
  const purge = new Purge({ replicas: replicaSet, antiEntropy, runtime, log, purgeAfterMs: options.purgeAfterMs });
  const { passIntervalMs, purgeIntervalMs } = options;
  const fence = new ClockFence(replicaSet, runtime);
  const loop = new SyncLoop({
    replicas: replicaSet,
    handoff,
    antiEntropy,
    purge,
    fence,
    runtime,
    log,
    passIntervalMs,
    purgeIntervalMs,
  });
  // All are opened before any is judged, because the others tell whether one was set back.
  await Promise.all(replicas.map((replica) => replica.open()));
  await Promise.all(replicas.map((replica) => replica.admit()));
  await fence.measure();
  if (options.isSyncing) loop.start();
  return new Store({
    cluster: () => cluster ?? "",
    replicas: replicaSet,
    handoff,
    loop,
    fence,
    tokens: new Tokens({ partitions: replicas, runtime, log }),
    clock: new HybridClock(runtime),
    runtime,
    writer: newWriterId(runtime.random),
    standIn: options.standIn,
    requestTimeoutMs: options.requestTimeoutMs,
  });
}
