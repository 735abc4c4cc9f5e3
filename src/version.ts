/**
 * A version says which of two writes of a key is the later one, everywhere and for ever.
 *
 * `stamp` is a hybrid-logical-clock reading: milliseconds since 1970 in the upper 48 bits, a counter in
 * the lower 16. It needs more than the 53 bits of a number, so it is a `bigint` from end to end.
 * `writer` is a random 48-bit id, drawn for each write, and settles equal stamps. The stamp alone is not unique: it also
 * depends on the row that the write replaces, which may be there a second time after a partition was set back.
 */
export interface Version {
  readonly stamp: bigint;
  readonly writer: number;
}

const counterBits = 16n;
const writerMax = 2 ** 48 - 1;
/** Twelve digits of base 36 hold every stamp until the year 4199, so that equal widths compare as text. */
const stampDigits = 12;
/** The greatest that a partition can hold. */
export const stampMax = 0x7fff_ffff_ffff_ffffn;

/** Negative when `a` is the earlier one, positive when it is the later one, 0 when they are the same write. */
export function compareVersions(a: Version, b: Version): number {
  if (a.stamp !== b.stamp) return a.stamp < b.stamp ? -1 : 1;
  return a.writer - b.writer;
}

/** The text that ETags and `Kvasir-Version` carry, such as `1ftn4gq7zk00-2x9k1m0a4b`. */
export function formatVersion(version: Version): string {
  return `${version.stamp.toString(36).padStart(stampDigits, "0")}-${version.writer.toString(36)}`;
}

/** Reads what `formatVersion` wrote, and nothing else: `undefined` for any other text. */
export function parseVersion(text: string): Version | undefined {
  const match = /^([0-9a-z]{12,13})-([0-9a-z]{1,10})$/.exec(text);
  if (match === null) return undefined;
  const [, stampText = "", writerText = ""] = match;
  let stamp = 0n;
  for (const digit of stampText) stamp = stamp * 36n + BigInt(Number.parseInt(digit, 36));
  const version = { stamp, writer: Number.parseInt(writerText, 36) };
  const isCanonical = stamp <= stampMax && version.writer <= writerMax && formatVersion(version) === text;
  return isCanonical ? version : undefined;
}

/** When the version was made, in milliseconds since 1970 by its writer's hybrid logical clock. */
export function versionTime(version: Version): number {
  return Number(version.stamp >> counterBits);
}

/** The smallest stamp of the millisecond `ms`. */
export function stampAt(ms: number): bigint {
  return BigInt(Math.floor(ms)) << counterBits;
}

/** A writer's id: up to 48 bits from `random`, which gives numbers from 0 up to 1. */
export function newWriterId(random: () => number): number {
  return Math.floor(random() * writerMax) + 1;
}
