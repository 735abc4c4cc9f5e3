import { PartitionError } from "../partition.ts";
import type { Record } from "../record.ts";
import { keyBucket } from "../replicas/hash.ts";
import type { Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import { type Runtime, sleep } from "../runtime.ts";
import { compareVersions } from "../version.ts";

/** Rows checked at once. */
const sliceRows = 500;

export interface ScrubOptions {
  readonly replicas: ReplicaSet;
  readonly runtime: Runtime;
  readonly isRepair: boolean;
  readonly onProgress?: (rows: number) => void;
}

interface DamagedRecord {
  readonly partition: string;
  readonly key: string;
  readonly isMended: boolean;
}

export interface ScrubResult {
  readonly damaged: readonly DamagedRecord[];
  /** Partitions that could not be read to their end, each with why. */
  readonly missing: readonly string[];
}

/**
 * Reads every value of every partition and checks it against its fingerprints: finds what a disk or a hand has
 * changed behind Kvasir's back. With `isRepair`, a damaged record is replaced by another replica's, if that one has
 * the same version and is sound. Never rejects for a partition that is away or lost on the way.
 */
export async function scrub({ replicas, runtime, isRepair, onProgress }: ScrubOptions): Promise<ScrubResult> {
  const found: DamagedRecord[] = [];
  const missing: string[] = [];
  const damagedAt = new Map<Replica, Set<string>>();
  await Promise.all(
    replicas.replicas.map(async (replica) => {
      const damaged = new Set<string>();
      damagedAt.set(replica, damaged);
      if (!replica.isReachable) {
        missing.push(`${replica.name}: ${replica.problem}`);
        return;
      }
      for (let after: string | undefined = ""; after !== undefined; ) {
        const start: string = after;
        const slice = await replica.use((partition) => partition.scrub(start, sliceRows)).catch(rethrowOthers);
        if (slice === undefined) {
          missing.push(`${replica.name}: ${replica.problem || "it did not answer"}`);
          return;
        }
        for (const key of slice.damaged) damaged.add(key);
        onProgress?.(slice.rows);
        after = slice.last;
        await sleep(runtime, 0);
      }
    }),
  );
  for (const [replica, keys] of damagedAt) {
    for (const key of keys) {
      const isMended = isRepair && (await mend(replica, key, replicas, damagedAt).catch(rethrowOthers)) === true;
      found.push({ partition: replica.name, key, isMended });
    }
  }
  return { damaged: found, missing };
}

function rethrowOthers(error: unknown): undefined {
  if (!(error instanceof PartitionError)) throw error;
}

async function mend(
  replica: Replica,
  key: string,
  replicas: ReplicaSet,
  damagedAt: ReadonlyMap<Replica, ReadonlySet<string>>,
): Promise<boolean> {
  const [damaged] = await replica.use((partition) => partition.read([key]));
  for (const other of replicas.of(keyBucket(key))) {
    if (other === replica || !other.isReachable || damagedAt.get(other)?.has(key)) continue;
    const read = await other.use((partition) => partition.read([key])).catch(rethrowOthers);
    const sound: Record | undefined = read?.[0];
    if (sound === undefined || damaged === undefined) continue;
    const order = compareVersions(sound.version, damaged.version);
    if (order < 0) continue;
    if (order === 0) await replica.use((partition) => partition.restore([sound]));
    else await replica.use((partition) => partition.apply([sound]));
    return true;
  }
  return false;
}
