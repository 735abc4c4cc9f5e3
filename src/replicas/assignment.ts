import type { Layout, Topology } from "../topology/topology.ts";
import { givenUpBy } from "./given-up.ts";
import { bucketCount } from "./hash.ts";
import { Placement } from "./placement.ts";

/** For each bucket a list of partitions, as indices into the names. Equal lists are the same one. */
export interface BucketLists {
  readonly lists: readonly (readonly number[])[];
  /** Which of `lists` is the bucket's. */
  readonly of: Uint16Array;
}

/** What a topology means for each bucket, while a change is under way as well. */
export interface Assignment {
  /** The members, and those that are to become members. */
  readonly names: readonly string[];
  /** Who decides and is read from, home first. */
  readonly deciders: BucketLists;
  /** Who is to have every write: the deciders, and those who hold the bucket before or after the change. */
  readonly owners: BucketLists;
  /** Who held it before the change, home first. */
  readonly before: BucketLists;
  /** Who holds it after the change, home first. */
  readonly after: BucketLists;
}

const cacheMax = 16;
const cache = new Map<string, Assignment>();

/** Takes some milliseconds for a topology that was not asked for lately. */
export function assignmentOf(topology: Topology): Assignment {
  const { members, replicas, change } = topology;
  const given = givenUpBy(topology);
  const parts = [members, replicas, change && [change.members, change.replicas, change.phase], given];
  const id = JSON.stringify(parts);
  const assignment = cache.get(id) ?? computed({ members, replicas }, change, change?.phase === "switching", given);
  cache.delete(id);
  cache.set(id, assignment);
  const [oldest] = cache.keys();
  if (cache.size > cacheMax && oldest !== undefined) cache.delete(oldest);
  return assignment;
}

function computed(now: Layout, next: Layout | undefined, isSwitching: boolean, given: readonly string[]): Assignment {
  const names = [...new Set([...now.members, ...(next?.members ?? [])].map(({ name }) => name))];
  const before = placed(
    now,
    names,
    given.map((name) => names.indexOf(name)),
  );
  if (next === undefined) return { names, deciders: before, owners: before, before, after: before };
  const after = placed(next, names);
  const deciders = isSwitching ? after : before;
  return { names, deciders, owners: united(deciders, isSwitching ? before : after), before, after };
}

/**
 * Those in `given` leave their place as home to the other one, where there is exactly one other: all that is left of the
 * bucket is there, so that it may decide at once. Several others may each have what the rest lacks.
 */
function placed({ members, replicas }: Layout, names: readonly string[], given: readonly number[] = []): BucketLists {
  const placement = new Placement(members, replicas);
  const indices = members.map(({ name }) => names.indexOf(name));
  return interned((bucket) => {
    const list = Array.from(placement.replicasOf(bucket), (index) => indices[index]!);
    for (const index of given) if (list.length === 2 && list[0] === index) list.reverse();
    return list;
  });
}

function united(first: BucketLists, second: BucketLists): BucketLists {
  return interned((bucket) => [...new Set([...first.lists[first.of[bucket]!]!, ...second.lists[second.of[bucket]!]!])]);
}

function interned(listOf: (bucket: number) => readonly number[]): BucketLists {
  const lists: (readonly number[])[] = [];
  const known = new Map<string, number>();
  const of = new Uint16Array(bucketCount);
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const list = listOf(bucket);
    const id = list.join();
    let index = known.get(id);
    if (index === undefined) {
      index = lists.push(list) - 1;
      known.set(id, index);
    }
    of[bucket] = index;
  }
  return { lists, of };
}
