/** The longest list in one statement. */
export const lengthMax = 128;

/** How large the values of one multi-row statement may get: far below the smallest packet limit that is accepted. */
const bytesMax = 2 ** 18;

/**
 * Splits `items` into runs of 1, 2, 4 … `rowsMax` (a power of two), so that few texts of a statement exist and each
 * is prepared once. With `sizeOf`, a run also ends before its bytes pass 256 KiB, unless one item alone does.
 */
export function chunks<T>(items: readonly T[], rowsMax: number, sizeOf?: (item: T) => number): T[][] {
  const found: T[][] = [];
  for (let start = 0; start < items.length; ) {
    let length = Math.min(items.length - start, rowsMax);
    if (sizeOf !== undefined) length = fitting(items, start, length, sizeOf);
    length = 2 ** Math.floor(Math.log2(length));
    found.push(items.slice(start, start + length));
    start += length;
  }
  return found;
}

/** How many items from `start` on stay within the bytes: at least one. */
function fitting<T>(items: readonly T[], start: number, length: number, sizeOf: (item: T) => number): number {
  let bytes = 0;
  for (let count = 0; count < length; count++) {
    bytes += sizeOf(items[start + count]!);
    if (bytes > bytesMax) return Math.max(count, 1);
  }
  return length;
}

/** Splits `keys` for an IN list, each run filled up to 1, 2, 4 … 128 by repeating its last key. */
export function paddedChunks(keys: readonly string[]): string[][] {
  const found: string[][] = [];
  for (let start = 0; start < keys.length; start += lengthMax) {
    const chunk = keys.slice(start, start + lengthMax);
    const length = 2 ** Math.ceil(Math.log2(chunk.length));
    while (chunk.length < length) chunk.push(chunk.at(-1)!);
    found.push(chunk);
  }
  return found;
}
