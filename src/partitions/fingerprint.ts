import type { Record } from "../record.ts";
import { xxhash } from "../replicas/hash.ts";

const partBytes = 2 ** 18;

/** Two independent 63-bit fingerprints of everything in a record, so that digests of them show any difference. */
export interface Fingerprint {
  readonly first: bigint;
  readonly second: bigint;
}

/**
 * Fingerprints keyed with the cluster's id: a client who does not know it cannot choose keys and values whose
 * fingerprints cancel out in a digest.
 */
export function fingerprinter(cluster: string): (record: Record) => Fingerprint {
  const firstSeed = xxhash.h64(`${cluster}/first`);
  const secondSeed = xxhash.h64(`${cluster}/second`);
  return (record) => {
    const head = headBytes(record);
    return { first: hash(head, record.value, firstSeed), second: hash(head, record.value, secondSeed) };
  };
}

function hash(head: Buffer, value: Uint8Array, seed: bigint): bigint {
  head.writeBigUInt64LE(hashOf(value, seed), 0);
  return xxhash.h64Raw(head, seed) >> 1n;
}

/** The hash's memory holds a copy of what it is given, and never shrinks: it gets large values in parts. */
function hashOf(value: Uint8Array, seed: bigint): bigint {
  if (value.length <= partBytes) return xxhash.h64Raw(value, seed);
  const parts = xxhash.create64(seed);
  for (let start = 0; start < value.length; start += partBytes) parts.update(value.subarray(start, start + partBytes));
  return parts.digest();
}

/** Everything but the value, with lengths before the texts so that no two records share their bytes. */
function headBytes(record: Record): Buffer {
  const texts = [record.key, record.type, record.metadata];
  const head = Buffer.allocUnsafe(48 + texts.reduce((sum, text) => sum + 4 + Buffer.byteLength(text), 0));
  head.writeBigInt64LE(record.version.stamp, 8);
  head.writeDoubleLE(record.version.writer, 16);
  head.writeDoubleLE(record.expires, 24);
  head.writeDoubleLE(record.value.length, 32);
  head.writeDoubleLE(record.isTombstone ? 1 : 0, 40);
  let offset = 48;
  for (const text of texts) {
    const length = head.write(text, offset + 4);
    head.writeUInt32LE(length, offset);
    offset += 4 + length;
  }
  return head;
}
