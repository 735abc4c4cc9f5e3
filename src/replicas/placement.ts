import { bucketCount, xxhash } from "./hash.ts";

export interface PlacedPartition {
  readonly name: string;
  /** Its share relative to the others'. */
  readonly weight: number;
}

/**
 * Which partitions hold each bucket, in rendezvous order: the first is its home, the others follow.
 *
 * Rendezvous hashing (Thaler and Ravishankar, 1998): every partition draws a score for every bucket from its
 * name alone, and the highest scores win. So the order of the configuration does not matter, and a partition
 * that comes or goes moves only the buckets that it wins or held. Weights after Schindelhauer and Schomaker
 * (2005): a score of -weight / ln(u), with u uniform in (0, 1), wins in proportion to the weight.
 */
export class Placement {
  readonly replicas: number;
  /** `replicas` indices into the partitions for each bucket, one bucket after the other. */
  readonly #table: Uint8Array;

  /** `partitions` holds 1 to 255; `replicas` is capped by their number. */
  constructor(partitions: readonly PlacedPartition[], replicas: "all" | number) {
    this.replicas = Math.min(replicas === "all" ? partitions.length : replicas, partitions.length);
    this.#table = new Uint8Array(bucketCount * this.replicas);
    const seeds = partitions.map((partition) => xxhash.h64(partition.name));
    const order = partitions.map((_, index) => index);
    const scores = new Float64Array(partitions.length);
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      if (partitions.length > 1) {
        for (const [index, { weight }] of partitions.entries()) scores[index] = score(bucket, seeds[index]!, weight);
        order.sort((a, b) => scores[b]! - scores[a]! || compareNames(partitions[a]!.name, partitions[b]!.name));
      }
      for (let rank = 0; rank < this.replicas; rank++) this.#table[bucket * this.replicas + rank] = order[rank]!;
    }
  }

  /** The index of the partition that holds `bucket` at `rank`; rank 0 is the home. */
  replica(bucket: number, rank: number): number {
    return this.#table[bucket * this.replicas + rank]!;
  }

  /** The indices of all partitions that hold `bucket`, home first. */
  replicasOf(bucket: number): Uint8Array {
    return this.#table.subarray(bucket * this.replicas, (bucket + 1) * this.replicas);
  }
}

const bucketBytes = new Uint8Array(4);
const bucketView = new DataView(bucketBytes.buffer);

function score(bucket: number, seed: bigint, weight: number): number {
  bucketView.setUint32(0, bucket);
  // 52 bits of the hash, moved off the ends, are a uniform number between 0 and 1.
  const uniform = (Number(xxhash.h64Raw(bucketBytes, seed) >> 12n) + 0.5) / 2 ** 52;
  return -weight / Math.log(uniform);
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : 1;
}
