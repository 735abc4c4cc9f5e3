import { bucketCount, xxhash } from "./hash.ts";

export interface PlacedPartition {
  readonly name: string;
  /** Its share relative to the others'. */
  readonly weight: number;
}

/** How far from its share, at most, a partition may be before the draws are corrected. */
const toleranceMax = 0.04;
/** Far more than it takes: corrections that do not end here are good enough. */
const correctionsMax = 25;

/**
 * Which partitions hold each bucket: the first is its home, the others follow in rendezvous order.
 *
 * Rendezvous hashing (Thaler and Ravishankar, 1998): every partition draws a score for every bucket from its
 * name alone, and the highest scores win. So the order of the configuration does not matter, and a partition
 * that comes or goes moves only the buckets that it wins or held. Weights after Schindelhauer and Schomaker
 * (2005): a score of -weight / ln(u), with u uniform in (0, 1), wins in proportion to the weight.
 *
 * That is so for the first place alone: a heavy partition that won it cannot win the second as well, so with two replicas
 * of three partitions it would hold less than its share. And chance leaves a share of 1/16 of the buckets off by 3 % on
 * average. So homes and holders are drawn with weights of their own, which are corrected, a little at a time, while a
 * partition has more than 4 % too much or too little; among equals this is seldom needed below ten partitions. Correcting
 * moves a few buckets between partitions that were there before.
 */
export class Placement {
  readonly replicas: number;
  /** `replicas` indices into the partitions for each bucket, one bucket after the other. */
  readonly #table: Uint8Array;

  /** `partitions` holds 1 to 255; `replicas` is capped by their number. */
  constructor(partitions: readonly PlacedPartition[], replicas: "all" | number) {
    this.replicas = Math.min(replicas === "all" ? partitions.length : replicas, partitions.length);
    this.#table = new Uint8Array(bucketCount * this.replicas);
    if (partitions.length === 1) return;
    // Ties, and sums of floating-point numbers, must not depend on the order of the configuration.
    const order = partitions.map((_, index) => index);
    order.sort((a, b) => compareNames(partitions[a]!.name, partitions[b]!.name));
    const sorted = order.map((index) => partitions[index]!);
    const weights = sorted.map(({ weight }) => weight);
    const draws = drawsOf(sorted);
    const homes = correct(weights, sharesOf(weights, 1), (tuned) => homesOf(draws, tuned));
    const holders = correct(weights, sharesOf(weights, this.replicas), (tuned) =>
      holdersOf(draws, tuned, homes, this.replicas),
    );
    for (const [place, index] of holders.entries()) this.#table[place] = order[index]!;
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

/**
 * The part of all buckets that each partition shall hold: by weight, but none more than all of them. What is above
 * that is shared by the others.
 */
export function sharesOf(weights: readonly number[], replicas: number): number[] {
  const shares = weights.map(() => 0);
  const full = new Set<number>();
  for (;;) {
    let rest = 0;
    for (const [index, weight] of weights.entries()) if (!full.has(index)) rest += weight;
    const before = full.size;
    for (const [index, weight] of weights.entries()) {
      shares[index] = full.has(index) ? 1 : ((replicas - before) * weight) / rest;
      if (shares[index] >= 1) full.add(index);
    }
    if (full.size === before || full.size === weights.length) return shares.map((share) => Math.min(share, 1));
  }
}

/** Draws with `weights`, and again with corrected ones until everybody has what `shares` says. */
function correct(
  weights: readonly number[],
  shares: readonly number[],
  draw: (weights: readonly number[]) => Uint8Array,
): Uint8Array {
  let tuned = [...weights];
  let best = draw(tuned);
  let bestExcess = Number.POSITIVE_INFINITY;
  for (let turn = 0, drawn = best; ; turn++, drawn = draw(tuned)) {
    const counts = new Float64Array(weights.length);
    for (const index of drawn) counts[index]! += 1;
    const ratios = shares.map((share, index) => (share * bucketCount) / Math.max(1, counts[index]!));
    const excess = Math.max(...ratios.map((ratio) => Math.abs(1 / ratio - 1)));
    if (excess < bestExcess) [best, bestExcess] = [drawn, excess];
    if (bestExcess <= toleranceMax || turn === correctionsMax) return best;
    tuned = tuned.map((weight, index) => weight * ratios[index]!);
  }
}

/** What each partition drew for each bucket: one partition after the other. */
function drawsOf(partitions: readonly PlacedPartition[]): Float64Array[] {
  return partitions.map(({ name }) => {
    const seed = xxhash.h64(name);
    return Float64Array.from({ length: bucketCount }, (_, bucket) => draw(bucket, seed));
  });
}

function homesOf(draws: readonly Float64Array[], weights: readonly number[]): Uint8Array {
  const homes = new Uint8Array(bucketCount);
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    let best = 0;
    let bestScore = -1;
    for (let index = 0; index < weights.length; index++) {
      const score = weights[index]! * draws[index]![bucket]!;
      if (score > bestScore) [best, bestScore] = [index, score];
    }
    homes[bucket] = best;
  }
  return homes;
}

/** Homes first, the others by their scores. */
function holdersOf(
  draws: readonly Float64Array[],
  weights: readonly number[],
  homes: Uint8Array,
  replicas: number,
): Uint8Array {
  const table = new Uint8Array(bucketCount * replicas);
  const scores = new Float64Array(weights.length);
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const home = homes[bucket]!;
    for (let index = 0; index < weights.length; index++) scores[index] = weights[index]! * draws[index]![bucket]!;
    scores[home] = -1;
    table[bucket * replicas] = home;
    for (let rank = 1; rank < replicas; rank++) {
      let best = 0;
      for (let index = 1; index < weights.length; index++) if (scores[index]! > scores[best]!) best = index;
      table[bucket * replicas + rank] = best;
      scores[best] = -1;
    }
  }
  return table;
}

const bucketBytes = new Uint8Array(4);
const bucketView = new DataView(bucketBytes.buffer);

function draw(bucket: number, seed: bigint): number {
  bucketView.setUint32(0, bucket);
  // 52 bits of the hash, moved off the ends, are a uniform number between 0 and 1.
  const uniform = (Number(xxhash.h64Raw(bucketBytes, seed) >> 12n) + 0.5) / 2 ** 52;
  return -1 / Math.log(uniform);
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : 1;
}
