import { HybridClock } from "./clock.ts";
import { ConfigError } from "./errors.ts";
import { type Partition, PartitionError, type PartitionInfo } from "./partition.ts";
import { ClockFence } from "./replicas/clock-fence.ts";
import { latePartition } from "./replicas/late-partition.ts";
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
import type { Token } from "./token.ts";
import { Tokens } from "./tokens.ts";
import { Driver } from "./topology/driver.ts";
import { FillingTurn } from "./topology/filling-turn.ts";
import { Register } from "./topology/register.ts";
import { Sweep } from "./topology/sweep.ts";
import { Switching } from "./topology/switching.ts";
import { Topologies } from "./topology/topologies.ts";
import type { Topology } from "./topology/topology.ts";
import { WeightNotes } from "./topology/weight-notes.ts";
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
  /** The partition of this name, if the configuration has it by now. */
  readonly reload?: (name: string) => Promise<StorePartition | undefined>;
  /** The partitions that the configuration has by now; by default those that the store is assembled from. */
  readonly configured?: () => readonly PlacedPartition[];
  /** Whether it synchronises by itself in the background. */
  readonly isSyncing: boolean;
  /** The access tokens that are configured, besides those on the partitions. */
  readonly configuredTokens?: readonly Token[];
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
  const known = new Map<string, Replica>();
  const open = ({ name, partition, displayUrl }: Omit<StorePartition, "weight">): Replica => {
    const opened = new Replica(partition, displayUrl, {
      runtime,
      log,
      accept,
      isReceiving: (replica) => isReceiving(replica, replicaSet, runtime),
      catchUp: (replica) => handoff.catchUp(replica),
      onSteady: (replica) => {
        // What it has recorded of the others may show that one of them was set back.
        for (const other of replicaSet.replicas) if (other !== replica) void other.reconsider();
        // What stand-ins took while it caught up keeps it from deciding anything.
        handoff.catchUpLate().catch((error: unknown) => log.error({ err: error }, "catching up failed"));
      },
    });
    known.set(name, opened);
    return opened;
  };
  for (const each of partitions) open(each);
  const find = async (name: string) => {
    const found = await options.reload?.(name);
    const replica = known.get(name);
    if (found !== undefined && replica !== undefined) replica.displayUrl = found.displayUrl;
    return found?.partition;
  };
  /** A member without a section is away until the configuration has one. */
  const replicaOf = (name: string): Replica =>
    known.get(name) ?? open({ name, partition: latePartition(name, find), displayUrl: "" });
  const members = partitions.map(({ name, weight }) => ({ name, weight }));
  const replicaSet = new ReplicaSet({ epoch: 0, members, replicas: options.replicas, gone: [] }, replicaOf);
  const register = new Register({ voter: (name) => known.get(name), runtime });
  let isOpening = true;
  const topologies = new Topologies({
    replicas: replicaSet,
    register,
    runtime,
    log,
    prepare: async (name) => {
      const replica = replicaOf(name);
      try {
        await replica.partition.initialise({ cluster: cluster ?? "", partition: name }, true);
      } catch (error) {
        if (error instanceof PartitionError) throw new ConfigError(error.message);
        throw error;
      }
    },
    onAdopted: (come, gone) => {
      handoff.forget(gone);
      for (const replica of gone) if (topologies.current().gone.includes(replica.name)) void replica.close();
      if (isOpening) return;
      for (const replica of come) void replica.connect();
      switching.start();
      weightNotes.look();
    },
  });
  const weightNotes = new WeightNotes({
    topology: () => topologies.current(),
    configured: options.configured ?? (() => members),
    log,
  });
  const handoff = new Handoff({ replicas: replicaSet, runtime, log, catchUpMs: options.catchUpMs });
  const antiEntropy = new AntiEntropy({ replicas: replicaSet, runtime, log });
  const purge = new Purge({ replicas: replicaSet, antiEntropy, runtime, log, purgeAfterMs: options.purgeAfterMs });
  const { passIntervalMs, purgeIntervalMs } = options;
  const fence = new ClockFence(replicaSet, runtime);
  const switching = new Switching({ replicas: replicaSet, handoff, runtime, catchUpMs: options.catchUpMs });
  const shared = { topologies, replicas: replicaSet, handoff, runtime, log };
  const turn = new FillingTurn(shared);
  const loop = new SyncLoop({
    driver: new Driver({ ...shared, antiEntropy, configured: members, turn }),
    turn,
    sweep: new Sweep({ ...shared, intervalMs: passIntervalMs }),
    replicas: replicaSet,
    handoff,
    antiEntropy,
    purge,
    fence,
    topologies,
    runtime,
    log,
    passIntervalMs,
    purgeIntervalMs,
  });
  // All are opened before any is judged, because the others tell whether one was set back.
  const opened = new Set(known.values());
  await Promise.all([...opened].map((replica) => replica.open()));
  for (const { info } of known.values()) if (info?.topology !== undefined) topologies.adopt(info.topology);
  checkReplicas(topologies.current(), options.replicas);
  if (options.isSyncing) await topologies.found();
  isOpening = false;
  weightNotes.look();
  await Promise.all(replicaSet.replicas.map((replica) => (opened.has(replica) ? replica.admit() : replica.connect())));
  switching.start();
  await fence.measure();
  if (options.isSyncing) loop.start();
  return new Store({
    cluster: () => cluster ?? "",
    replicas: replicaSet,
    handoff,
    loop,
    fence,
    tokens: new Tokens({
      partitions: () => replicaSet.replicas,
      configured: options.configuredTokens ?? [],
      runtime,
      log,
    }),
    topologies,
    weightNotes,
    closePartitions: async () => {
      switching.stop();
      await Promise.all([...known.values()].map((replica) => replica.close()));
    },
    clock: new HybridClock(runtime),
    runtime,
    writer: newWriterId(runtime.random),
    standIn: options.standIn,
    requestTimeoutMs: options.requestTimeoutMs,
  });
}

/** How many replicas a key has is the topology's to say. */
function checkReplicas({ epoch, replicas, change }: Topology, configured: "all" | number): void {
  if (epoch === 0 || configured === replicas || configured === change?.replicas) return;
  throw new ConfigError(
    `the configuration says replicas = ${quoted(configured)}, and the store has ${quoted(replicas)}; set that, or change the store with kvasir partition replicas ${configured}`,
  );
}

function quoted(replicas: "all" | number): string {
  return replicas === "all" ? '"all"' : String(replicas);
}
