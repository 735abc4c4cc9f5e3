import type { Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import type { Runtime } from "../runtime.ts";
import { stampMax } from "../version.ts";
import { type Digest, readDigest, type Size } from "./digest.ts";

export interface CountOptions {
  /** Not asked: it is gone. */
  readonly lost?: string | undefined;
  /** Told how many records were counted on the partition that has most. */
  readonly onProgress?: (records: number) => void;
}

/**
 * Counts what each bucket holds now, on as few partitions as it takes. Gives that, and nothing for buckets whose replicas
 * are all away.
 *
 * @throws PartitionError when a partition is lost meanwhile.
 */
export async function countSizes(
  replicas: ReplicaSet,
  runtime: Runtime,
  { lost, onProgress = () => undefined }: CountOptions,
): Promise<(bucket: number) => Size> {
  const able = replicas.replicas.filter((replica) => replica.isSteady && replica.name !== lost);
  // Where everybody has everything, one is enough.
  const asked = replicas.perKey >= replicas.topology.members.length ? able.slice(0, 1) : able;
  const digests = new Map<Replica, Digest>();
  const scope = { cutoff: stampMax, floor: 0n, now: runtime.now() };
  const counts = new Map<Replica, number>();
  await Promise.all(
    asked.map(async (replica) => {
      const count = (rows: number) => {
        counts.set(replica, (counts.get(replica) ?? 0) + rows);
        onProgress(Math.max(...counts.values()));
      };
      digests.set(replica, await readDigest(replica, scope, runtime, count));
    }),
  );
  return (bucket) => {
    for (const replica of [...replicas.of(bucket), ...asked]) {
      const digest = digests.get(replica);
      if (digest !== undefined) return digest.sizeOf(bucket);
    }
    return { keys: 0, bytes: 0 };
  };
}
