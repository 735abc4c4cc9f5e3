import { StoreError } from "./errors.ts";

/** Longest key in bytes of UTF-8. It is fixed by the schema, not by configuration. */
export const keyBytesMax = 1024;

/** @throws StoreError `invalid_key` (empty, NUL, lone surrogate) or `key_too_long`. */
export function checkKey(key: string): void {
  if (key.length === 0) throw new StoreError("invalid_key", "the key is empty; give it at least one character");
  if (key.includes("\0")) throw new StoreError("invalid_key", "the key contains NUL (%00), which no key may");
  if (!key.isWellFormed()) throw new StoreError("invalid_key", "the key contains half of a surrogate pair");
  // Each UTF-16 unit takes one to three bytes, so that most keys need no count.
  if (key.length * 3 > keyBytesMax && Buffer.byteLength(key) > keyBytesMax) {
    throw new StoreError(
      "key_too_long",
      `the key has ${Buffer.byteLength(key)} bytes; at most ${keyBytesMax} are allowed`,
    );
  }
}

/** The order of the keys' UTF-8 bytes, which is the order of lists. */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let index = 0; index < shorter; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y) return byteOrder(x) - byteOrder(y);
  }
  return a.length - b.length;
}

/** UTF-16 puts surrogates (characters above U+FFFF) below U+E000; UTF-8 puts them above everything else. */
function byteOrder(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
