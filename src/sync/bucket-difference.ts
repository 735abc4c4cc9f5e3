import type { KeyVersion, Receiving } from "../partition.ts";
import type { Replica } from "../replicas/replica.ts";
import { compareVersions } from "../version.ts";
import type { DigestScope } from "./digest.ts";

/** What one replica has of a bucket. */
export interface BucketList {
  readonly replica: Replica;
  /** Set when it was set back, is new or gains the bucket: what it has of old records may be ghosts. */
  readonly receiving: Receiving | undefined;
  readonly versions: readonly KeyVersion[];
}

export interface KeyDifference {
  readonly newest: KeyVersion;
  /** Who has the newest version, steady ones first. */
  readonly holders: readonly BucketList[];
  /** Who lacks it. */
  readonly lackers: readonly BucketList[];
  /** It was purged by all steady replicas, and is to be removed from the holders. */
  readonly isGhost: boolean;
}

export interface BucketDifference {
  /** Whether every replica of the bucket was compared. */
  readonly isWhole: boolean;
  readonly keys: readonly KeyDifference[];
  /** Keys with equal versions and unequal fingerprints. */
  readonly damaged: readonly string[];
}

/** Finds the keys of one bucket that are not the same on all of its replicas. */
export function compareBucket(lists: readonly BucketList[], isWhole: boolean, scope: DigestScope): BucketDifference {
  const byKey = new Map<string, Map<BucketList, KeyVersion>>();
  for (const list of lists) {
    for (const each of list.versions) {
      const holders = byKey.get(each.key) ?? new Map<BucketList, KeyVersion>();
      byKey.set(each.key, holders.set(list, each));
    }
  }
  const keys: KeyDifference[] = [];
  const damaged: string[] = [];
  for (const [key, present] of byKey) {
    const difference = compareKey(present, lists, scope);
    if (difference === "damaged") damaged.push(key);
    else if (difference !== undefined) keys.push(difference);
  }
  return { isWhole, keys, damaged };
}

function compareKey(
  present: ReadonlyMap<BucketList, KeyVersion>,
  lists: readonly BucketList[],
  { cutoff, floor, now }: DigestScope,
): KeyDifference | "damaged" | undefined {
  let newest: KeyVersion | undefined;
  for (const each of present.values()) {
    if (newest === undefined || compareVersions(each.version, newest.version) > 0) newest = each;
  }
  // What is newer than the cutoff is owed a hint, and on its way.
  if (newest === undefined || newest.version.stamp > cutoff) return undefined;
  const holders = lists.filter((list) => isSame(present.get(list), newest));
  const lackers = lists.filter((list) => !isSame(present.get(list), newest));
  if (lackers.length === 0) {
    const areEqual = holders.every((list) => present.get(list)?.fingerprint === newest.fingerprint);
    return areEqual ? undefined : "damaged";
  }
  const isOld = newest.version.stamp <= floor;
  const hasExpired = newest.expires !== 0 && newest.expires <= now;
  const areOthersEmpty = lackers.every((list) => !present.has(list));
  // Purged here and not yet there, or expired: that is the same as absent.
  if (areOthersEmpty && ((newest.isTombstone && isOld) || hasExpired)) return undefined;
  const isGhost =
    isOld && holders.every((list) => list.receiving) && lackers.some((list) => !list.receiving && !present.has(list));
  holders.sort((a, b) => Number(!!a.receiving) - Number(!!b.receiving));
  return { newest, holders, lackers, isGhost };
}

function isSame(present: KeyVersion | undefined, newest: KeyVersion): boolean {
  return present !== undefined && compareVersions(present.version, newest.version) === 0;
}
