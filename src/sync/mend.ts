import type { Record } from "../record.ts";
import type { BucketDifference, BucketList, KeyDifference } from "./bucket-difference.ts";

/** Keys that are read and shipped together. */
const keysAtOnce = 100;

/** Called with how many keys were brought; resolves when more may be. */
export type Pace = (keys: number) => Promise<void>;

/**
 * Brings the newest version of every differing key to the replicas that lack it, and removes ghosts.
 *
 * @throws PartitionError when a replica is lost on the way: the next pass goes on.
 */
export async function mendBucket(
  { keys, isWhole }: BucketDifference,
  pace: Pace,
): Promise<{ mended: number; ghosts: number }> {
  let mended = 0;
  let ghosts = 0;
  for (const { newest, holders } of keys.filter((key) => key.isGhost)) {
    for (const { replica } of holders) ghosts += await replica.use((partition) => partition.remove([newest]));
  }
  const bySource = Map.groupBy(
    keys.filter((key) => !key.isGhost),
    ({ holders }) => holders[0]!,
  );
  for (const [source, differences] of bySource) {
    for (let start = 0; start < differences.length; start += keysAtOnce) {
      const shipped = differences.slice(start, start + keysAtOnce);
      mended += await ship(source, shipped, isWhole);
      await pace(shipped.length);
    }
  }
  return { mended, ghosts };
}

async function ship(source: BucketList, differences: readonly KeyDifference[], isWhole: boolean): Promise<number> {
  const found = await source.replica.use((partition) => partition.read(differences.map(({ newest }) => newest.key)));
  const byTarget = new Map<BucketList, Record[]>();
  for (const [index, record] of found.entries()) {
    // It may have been purged since; a newer version is as good.
    if (record === undefined) continue;
    for (const lacker of differences[index]!.lackers) {
      const records = byTarget.get(lacker) ?? [];
      records.push(record);
      byTarget.set(lacker, records);
    }
  }
  let shipped = 0;
  for (const [target, records] of byTarget) {
    // A steady source has no ghosts; where all replicas are receiving, nobody knows better.
    const receiving = source.receiving === undefined || isWhole ? target.receiving : undefined;
    const dropped = await target.replica.use((partition) => partition.apply(records, receiving));
    shipped += records.length - dropped;
  }
  return shipped;
}
