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
/** The greatest that a partition can hold. */
export const stampMax = 0x7fff_ffff_ffff_ffffn;

/** Negative when `a` is the earlier one, positive when it is the later one, 0 when they are the same write. */
export function compareVersions(a: Version, b: Version): number {
  if (a.stamp !== b.stamp) return a.stamp < b.stamp ? -1 : 1;
  return a.writer - b.writer;
}

/** The text that ETags and `Kvasir-Version` carry, such as `1ftn4gq7zk00-2x9k1m0a4b`. */
export function formatVersion({ stamp, writer }: Version): string {
  const high = Math.floor(writer / sixDigitsMax);
  const digits = sixDigits(high) + sixDigits(writer - high * sixDigitsMax);
  return `${formatStamp(stamp)}-${withoutZeros(digits)}`;
}

/** Reads what `formatVersion` wrote, and nothing else: `undefined` for any other text. */
export function parseVersion(text: string): Version | undefined {
  const match = /^([0-9a-z]{12,13})-([0-9a-z]{1,10})$/.exec(text);
  if (match === null) return undefined;
  const [, stampText = "", writerText = ""] = match;
  const version = { stamp: parseStamp(stampText), writer: Number.parseInt(writerText, 36) };
  const isCanonical = version.stamp <= stampMax && version.writer <= writerMax && formatVersion(version) === text;
  return isCanonical ? version : undefined;
}

/** All pairs of digits of base 36. The `toString` of a BigInt or of a large number takes longer than a whole lookup. */
const digitPairs: readonly string[] = /* @__PURE__ */ Array.from({ length: 1296 }, (_, number) =>
  number.toString(36).padStart(2, "0"),
);
/** 36^6: as many as six digits can tell apart. */
const sixDigitsMax = 2_176_782_336;

/**
 * A number of up to 63 bits in base 36, with zeros before it up to twelve digits: they hold every stamp until the year
 * 4199, so that equal widths compare as text.
 */
export function formatStamp(stamp: bigint): string {
  // Long division by 36^6, in parts that a number holds exactly.
  const ms = Number(stamp >> counterBits);
  const highMs = Math.floor(ms / sixDigitsMax);
  const rest = (ms - highMs * sixDigitsMax) * 0x10000 + Number(stamp & 0xffffn);
  const high = Math.floor(rest / sixDigitsMax);
  const upper = highMs * 0x10000 + high;
  const lower = sixDigits(rest - high * sixDigitsMax);
  // 63 bits end before a thirteenth digit of 2.
  return upper < sixDigitsMax ? sixDigits(upper) + lower : `1${sixDigits(upper - sixDigitsMax)}${lower}`;
}

/** The number that up to thirteen digits of base 36 mean. */
export function parseStamp(digits: string): bigint {
  const lower = digits.slice(-6);
  const upper = digits.slice(0, -6);
  return BigInt(Number.parseInt(upper || "0", 36)) * BigInt(sixDigitsMax) + BigInt(Number.parseInt(lower, 36));
}

/** `digits` without the zeros that they begin with. */
export function withoutZeros(digits: string): string {
  let zeros = 0;
  while (digits.charCodeAt(zeros) === 48 && zeros < digits.length - 1) zeros++;
  return digits.slice(zeros);
}

function sixDigits(number: number): string {
  const upper = Math.floor(number / 1296);
  const high = Math.floor(upper / 1296);
  return digitPairs[high]! + digitPairs[upper - high * 1296]! + digitPairs[number - upper * 1296]!;
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
