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

export interface DamagedRecord {
  readonly partition: string;
  readonly key: string;
  readonly isMended: boolean;
}

/**
 * Reads every value of every partition and checks it against its fingerprints: finds what a disk or a hand has
 * changed behind Kvasir's back. With `isRepair`, a damaged record is replaced by another replica's, if that one has
 * the same version and is sound.
 *
 * @throws PartitionError when a partition is lost on the way.
 */
export async function scrub({ replicas, runtime, isRepair, onProgress }: ScrubOptions): Promise<DamagedRecord[]> {
  const found: DamagedRecord[] = [];
  const damagedAt = new Map<Replica, Set<string>>();
  await Promise.all(
    replicas.replicas.map(async (replica) => {
      const damaged = new Set<string>();
      damagedAt.set(replica, damaged);
      for (let after: string | undefined = ""; after !== undefined; ) {
        const start: string = after;
        const slice = await replica.use((partition) => partition.scrub(start, sliceRows));
        for (const key of slice.damaged) damaged.add(key);
        onProgress?.(slice.rows);
        after = slice.last;
        await sleep(runtime, 0);
      }
    }),
  );
  for (const [replica, keys] of damagedAt) {
    for (const key of keys) {
      const isMended = isRepair && (await mend(replica, key, replicas, damagedAt));
      found.push({ partition: replica.name, key, isMended });
    }
  }
  return found;
}

async function mend(
  replica: Replica,
  key: string,
  replicas: ReplicaSet,
  damagedAt: ReadonlyMap<Replica, ReadonlySet<string>>,
): Promise<boolean> {
  const [damaged] = await replica.use((partition) => partition.read([key]));
  for (const other of replicas.of(keyBucket(key))) {
    if (other === replica || damagedAt.get(other)?.has(key)) continue;
    const [sound]: (Record | undefined)[] = await other.use((partition) => partition.read([key]));
    if (sound === undefined || damaged === undefined) continue;
    const order = compareVersions(sound.version, damaged.version);
    if (order < 0) continue;
    if (order === 0) await replica.use((partition) => partition.restore([sound]));
    else await replica.use((partition) => partition.apply([sound]));
    return true;
  }
  return false;
}
