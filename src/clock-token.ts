import {
  compareVersions,
  formatStamp,
  formatVersion,
  parseStamp,
  parseVersion,
  type Version,
  withoutZeros,
} from "./version.ts";

/**
 * What a client knows, carried in `Kvasir-Clock`: the greatest stamp it was given, and the versions of the last
 * keys that it wrote. Sent back, it makes later writes exceed the stamp and reads of those keys at least as new.
 */
export interface ClockToken {
  readonly stamp: bigint;
  /** Newest last. */
  readonly writes: readonly KnownWrite[];
}

interface KnownWrite {
  /** The key's placement hash. */
  readonly hash: bigint;
  readonly version: Version;
}

const writesMax = 16;
const hashMax = 0x8000_0000_0000_0000n;

/** `token` after a write: its stamp is at least the version's, and the key's version is the last one. */
export function withWrite(token: ClockToken | undefined, hash: bigint, version: Version): ClockToken {
  const others = (token?.writes ?? []).filter((write) => write.hash !== hash);
  const stamp = token !== undefined && token.stamp > version.stamp ? token.stamp : version.stamp;
  return { stamp, writes: [...others, { hash, version }].slice(-writesMax) };
}

/** The version of the key that the client wrote last, if it is among those it remembers. */
export function knownVersion(token: ClockToken | undefined, hash: bigint): Version | undefined {
  return token?.writes.find((write) => write.hash === hash)?.version;
}

/** Whether `version` is as new as what the client knows of the key. */
export function isFreshEnough(known: Version | undefined, version: Version | undefined): boolean {
  if (known === undefined) return true;
  return version !== undefined && compareVersions(version, known) >= 0;
}

/** Such as `1ftn4gq7zk00;2xk1.1ftn4gq7zk00-9a`. */
export function formatClockToken(token: ClockToken): string {
  let text = withoutZeros(formatStamp(token.stamp));
  for (const { hash, version } of token.writes) text += `;${withoutZeros(formatStamp(hash))}.${formatVersion(version)}`;
  return text;
}

/** `undefined` for any text that `formatClockToken` did not write. */
export function parseClockToken(text: string): ClockToken | undefined {
  const [stampText = "", ...writeTexts] = text.split(";");
  const stamp = readStamp(stampText);
  if (stamp === undefined || writeTexts.length > writesMax) return undefined;
  const writes: KnownWrite[] = [];
  for (const writeText of writeTexts) {
    const [hashText = "", versionText = "", ...rest] = writeText.split(".");
    const hash = readStamp(hashText);
    const version = parseVersion(versionText);
    if (hash === undefined || version === undefined || rest.length > 0) return undefined;
    writes.push({ hash, version });
  }
  return { stamp, writes };
}

function readStamp(text: string): bigint | undefined {
  if (!/^[0-9a-z]{1,13}$/.test(text)) return undefined;
  const number = parseStamp(text);
  return number < hashMax ? number : undefined;
}

const textPattern = /^[0-9a-z]{1,13}(?:;[0-9a-z]{1,13}\.[0-9a-z]{12,13}-[0-9a-z]{1,10})*$/;

/**
 * What a client knows that was given both: for each key the greater version, and of those the latest. Of texts in
 * another form than today's, `text` is taken as the newer one.
 *
 * It stays text, because a client does this with every answer: digits of base 36 that are equally many compare as
 * text, and parsing them costs more than sending the request.
 */
export function mergeClockTexts(known: string, text: string): string {
  if (known === text || !textPattern.test(known) || !textPattern.test(text)) return text;
  const [knownStamp = "", ...knownWrites] = known.split(";");
  const [stamp = "", ...writes] = text.split(";");
  const latest = new Map<string, { readonly write: string; readonly order: string }>();
  for (const write of [...knownWrites, ...writes]) {
    const [hash = "", versionStamp = "", writer = ""] = write.split(/[.-]/);
    const order = versionStamp.padStart(13, "0") + writer.padStart(10, "0");
    const other = latest.get(hash);
    if (other === undefined || other.order < order) latest.set(hash, { write, order });
  }
  const kept = [...latest.values()].sort((a, b) => (a.order < b.order ? -1 : 1)).slice(-writesMax);
  const greater = knownStamp.padStart(13, "0") > stamp.padStart(13, "0") ? knownStamp : stamp;
  return [greater, ...kept.map(({ write }) => write)].join(";");
}
