import { keyBucket } from "../replicas/hash.ts";
import type { Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import { type Runtime, sleep } from "../runtime.ts";
import { compareVersions } from "../version.ts";

/** How often, and at what intervals, a record is looked for: members of a cluster may be behind each other. */
const attempts = 5;
const attemptDelayMs = 200;
/** What a set-back partition is told to lack. Counters rise by one, so nobody makes up for it by counting. */
const passesAhead = 1000;

/**
 * Whether a partition is still receiving: it is new, or the others, or this process, have seen a greater counter of
 * passes on it than it has now, or it lacks what it has confirmed to this process, so that it was restored from a backup
 * or replaced. A sole replica never is: there is nobody to ask.
 *
 * @throws PartitionError when the partition itself is lost.
 */
export async function isReceiving(replica: Replica, replicas: ReplicaSet, runtime: Runtime): Promise<boolean> {
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
  if (!isComplete || seenBefore > pass || recorded.some((seen) => seen > pass)) return true;
  if (!(await lacksWitnesses(replica, replicas, runtime))) return false;
  // From now on the counters tell everybody, until a pass has made up for it.
  replica.witnesses = [];
  replica.passSeen = Math.max(replica.passSeen, pass + passesAhead);
  const seen = { [replica.name]: replica.passSeen };
  await Promise.allSettled(others.map((other) => other.use((partition) => partition.raise({ seen }))));
  return true;
}

/** Whether the partition has lost what it has confirmed. What lies at or below its floor may have been purged. */
async function lacksWitnesses(replica: Replica, replicas: ReplicaSet, runtime: Runtime): Promise<boolean> {
  const witnesses = replica.witnesses.filter(({ key }) => replicas.of(keyBucket(key)).includes(replica));
  if (witnesses.length === 0) return false;
  for (let attempt = 1; ; attempt++) {
    const records = await replica.use((partition) => partition.read(witnesses.map(({ key }) => key)));
    const lost = witnesses.filter(({ version }, index) => {
      const record = records[index];
      return record === undefined || compareVersions(record.version, version) < 0;
    });
    if (lost.length === 0) return false;
    const { floor } = await replica.use((partition) => partition.progress());
    if (lost.every(({ version }) => version.stamp <= floor)) return false;
    if (attempt === attempts) break;
    await sleep(runtime, attemptDelayMs);
  }
  // By a topology that is not known here yet, what it had may have moved elsewhere.
  const { topology } = await replica.use((partition) => partition.topology());
  return (topology?.epoch ?? 0) <= replicas.epoch;
}
