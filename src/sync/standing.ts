import type { Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";

/**
 * Whether a partition is still receiving: it is new, or the others, or this process, have seen a greater counter of
 * passes on it than it has now, so that it was restored from a backup or replaced. A sole replica never is: there is
 * nobody to ask.
 *
 * @throws PartitionError when the partition itself is lost.
 */
export async function isReceiving(replica: Replica, replicas: ReplicaSet): Promise<boolean> {
  if (replicas.perKey === 1) return false;
  const others = replicas.replicas.filter((other) => other !== replica && other.isReachable);
  const recorded = await Promise.all(
    others.map(async (other) => {
      const progress = await other.use((partition) => partition.progress()).catch(() => undefined);
      return progress?.seen[replica.name] ?? 0;
    }),
  );
  // Another call may learn of a greater one before this one is answered.
  const seenBefore = replica.passSeen;
  // Last, because it is counted here before the others record it.
  const { pass, isComplete } = await replica.use((partition) => partition.progress());
  replica.passSeen = Math.max(replica.passSeen, pass);
  return !isComplete || seenBefore > pass || recorded.some((seen) => seen > pass);
}
