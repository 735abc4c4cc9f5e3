import type { HybridClock } from "./clock.ts";
import type { ClockFence } from "./replicas/clock-fence.ts";
import { bucketCount } from "./replicas/hash.ts";
import type { Replica } from "./replicas/replica.ts";
import type { ReplicaSet } from "./replicas/replica-set.ts";
import type { PartitionStatus, StoreStatus } from "./store-types.ts";
import type { Handoff } from "./sync/handoff.ts";
import type { SyncLoop } from "./sync/loop.ts";
import type { Topologies } from "./topology/topologies.ts";
import type { WeightNotes } from "./topology/weight-notes.ts";

/** What the status is made of. */
export interface StatusSources {
  readonly replicas: ReplicaSet;
  readonly cluster: () => string;
  readonly writer: number;
  readonly handoff: Handoff;
  readonly loop: SyncLoop;
  readonly fence: ClockFence;
  readonly topologies: Topologies;
  readonly weightNotes: WeightNotes;
  readonly clock: HybridClock;
  readonly unknownOutcomes: number;
}

/** What each partition says of itself now; one that cannot be asked shows what is known of it. */
export async function storeStatus(sources: StatusSources): Promise<StoreStatus> {
  const { replicas, handoff, loop, fence, clock, unknownOutcomes } = sources;
  const missing = unreachableBuckets(replicas);
  return {
    cluster: sources.cluster(),
    writer: sources.writer.toString(36),
    isReady: missing.length === 0,
    missing,
    replicas: replicas.perKey,
    partitions: await Promise.all(replicas.replicas.map((replica) => partitionStatus(replica, sources))),
    topology: sources.topologies.status(),
    sync: {
      delivered: handoff.delivered,
      discarded: handoff.discarded,
      setAside: handoff.setAside,
      lastPass: loop.lastPass,
      lastPurge: loop.lastPurge,
      clockSkewMs: fence.skewMs,
      futureVersions: clock.ignored,
      unknownOutcomes,
    },
  };
}

/** One sentence when some keys have no replica that can be used, with why. */
export function unreachableBuckets(replicas: ReplicaSet): string[] {
  const { unserved } = replicas.shares();
  if (unserved === 0) return [];
  const share = Math.ceil((unserved / bucketCount) * 100);
  const problems = replicas.replicas
    .filter((replica) => !replica.isSteady)
    .map(({ name, problem }) => `${name}: ${problem}`);
  return [`${share} % of the keys have no replica that can be used (${problems.join("; ")})`];
}

async function partitionStatus(replica: Replica, { loop, weightNotes }: StatusSources): Promise<PartitionStatus> {
  const { lastPass, loads } = loop;
  const { name, displayUrl, latency, info } = replica;
  const owed = replica.isReachable
    ? await replica.use((partition) => partition.owed()).catch(() => undefined)
    : undefined;
  const { state, problem } = replica;
  return {
    name,
    url: displayUrl,
    state,
    problem: problem || [info?.durabilityNote, weightNotes.of(name)].filter(Boolean).join("; "),
    engine: info?.engine ?? "",
    durability: info?.durability ?? "unknown",
    latencyMs: latency.meanMs,
    owed,
    batches: replica.partition.batches?.(),
    size: lastPass?.sizes[name] && { ...lastPass.sizes[name], at: lastPass.at },
    load: loads.of(replica),
  };
}
