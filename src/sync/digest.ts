import type { BucketDigest, DigestRange } from "../partition.ts";
import { bucketCount } from "../replicas/hash.ts";
import type { Replica } from "../replicas/replica.ts";
import { type Runtime, sleep } from "../runtime.ts";

/** Rows of the first slice; the following ones grow or shrink towards `sliceMs`. */
const firstSliceRows = 20_000;
const sliceRowsMax = 200_000;
/** How long a slice should take: long enough to be worth it, and far below any query timeout. */
const sliceMs = 100;

const sumsPerBucket = 7;

/** How much a partition, or one of its buckets, holds: keys that are live, and bytes of their values. */
export interface Size {
  readonly keys: number;
  readonly bytes: number;
}

/** The digest of everything that a partition holds: for each bucket a count, the sums of fingerprints, and its size. */
export class Digest {
  readonly #sums = new Float64Array(bucketCount * sumsPerBucket);

  add({ bucket, sums }: BucketDigest): void {
    for (const [index, sum] of sums.entries()) this.#sums[bucket * sumsPerBucket + index]! += sum;
  }

  /** Whether a bucket has the same records in `other`. */
  equals(other: Digest, bucket: number): boolean {
    for (let index = bucket * sumsPerBucket; index < (bucket + 1) * sumsPerBucket; index++) {
      if (this.#sums[index] !== other.#sums[index]) return false;
    }
    return true;
  }

  /** How many records of a bucket, tombstones included. */
  countOf(bucket: number): number {
    return this.#sums[bucket * sumsPerBucket]!;
  }

  /** How many records, tombstones included. */
  get count(): number {
    return this.#total(0);
  }

  get size(): Size {
    return { keys: this.#total(5), bytes: this.#total(6) };
  }

  sizeOf(bucket: number): Size {
    const start = bucket * sumsPerBucket;
    return { keys: this.#sums[start + 5]!, bytes: this.#sums[start + 6]! };
  }

  #total(sum: number): number {
    let total = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) total += this.#sums[bucket * sumsPerBucket + sum]!;
    return total;
  }
}

export type DigestScope = Pick<DigestRange, "cutoff" | "floor" | "now">;

/**
 * Reads a partition's digest, slice by slice.
 *
 * @throws PartitionError when the partition is lost on the way.
 */
export async function readDigest(
  replica: Replica,
  scope: DigestScope,
  runtime: Runtime,
  onProgress: (rows: number) => void,
): Promise<Digest> {
  const digest = new Digest();
  let rowsMax = firstSliceRows;
  for (let after: string | undefined = ""; after !== undefined; ) {
    const range: DigestRange = { ...scope, after, rowsMax };
    const started = runtime.elapsed();
    const slice = await replica.use((partition) => partition.digest(range));
    for (const bucket of slice.buckets) digest.add(bucket);
    after = slice.last;
    onProgress(rowsMax);
    rowsMax = nextSliceRows(rowsMax, runtime.elapsed() - started);
    await sleep(runtime, 0);
  }
  return digest;
}

function nextSliceRows(rows: number, tookMs: number): number {
  const factor = Math.min(4, Math.max(0.25, sliceMs / Math.max(tookMs, 1)));
  return Math.min(sliceRowsMax, Math.max(100, Math.round(rows * factor)));
}
