import { compareVersions, formatVersion, parseVersion, type Version } from "./version.ts";

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

/** What a client knows that was given both: for each key the greater version, and of those the latest. */
export function mergeClockTokens(known: ClockToken | undefined, token: ClockToken): ClockToken {
  const writes = new Map<bigint, KnownWrite>();
  for (const write of [...(known?.writes ?? []), ...token.writes]) {
    const other = writes.get(write.hash);
    if (other === undefined || compareVersions(write.version, other.version) > 0) writes.set(write.hash, write);
  }
  const stamp = known !== undefined && known.stamp > token.stamp ? known.stamp : token.stamp;
  return {
    stamp,
    writes: [...writes.values()].sort((a, b) => compareVersions(a.version, b.version)).slice(-writesMax),
  };
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
  const writes = token.writes.map((write) => `;${write.hash.toString(36)}.${formatVersion(write.version)}`);
  return token.stamp.toString(36) + writes.join("");
}

/** `undefined` for any text that `formatClockToken` did not write. */
export function parseClockToken(text: string): ClockToken | undefined {
  const [stampText = "", ...writeTexts] = text.split(";");
  const stamp = parseStamp(stampText);
  if (stamp === undefined || writeTexts.length > writesMax) return undefined;
  const writes: KnownWrite[] = [];
  for (const writeText of writeTexts) {
    const [hashText = "", versionText = "", ...rest] = writeText.split(".");
    const hash = parseStamp(hashText);
    const version = parseVersion(versionText);
    if (hash === undefined || version === undefined || rest.length > 0) return undefined;
    writes.push({ hash, version });
  }
  return { stamp, writes };
}

function parseStamp(text: string): bigint | undefined {
  if (!/^[0-9a-z]{1,13}$/.test(text)) return undefined;
  let number = 0n;
  for (const digit of text) number = number * 36n + BigInt(Number.parseInt(digit, 36));
  return number < hashMax ? number : undefined;
}
