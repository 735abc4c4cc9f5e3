import createXxhash from "xxhash-wasm";

/** `h64` takes text (as UTF-8) and `h64Raw` bytes, each with a seed; both give 64 bits. */
export const xxhash = await createXxhash();

/** 16,384 buckets: with fewer, the homes of 16 partitions cannot be kept within 10 % of each other. */
const bucketBits = 14n;
export const bucketCount = 2 ** Number(bucketBits);
/** How far a hash is shifted right to give its bucket. The statements use it as well. */
export const bucketShift = 63n - bucketBits;

/** Where a key belongs: 63 bits of the hash of its UTF-8 bytes, so that a signed integer holds it. */
export function keyHash(key: string): bigint {
  return xxhash.h64(key) >> 1n;
}

export function hashBucket(hash: bigint): number {
  return Number(hash >> bucketShift);
}

export function keyBucket(key: string): number {
  return hashBucket(keyHash(key));
}
