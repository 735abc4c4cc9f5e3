import { assignmentOf } from "../replicas/assignment.ts";
import { bucketCount } from "../replicas/hash.ts";
import type { Size } from "../sync/digest.ts";
import type { Topology } from "./topology.ts";

/** What one partition is to be given by a change, and by whom. */
interface Move extends Size {
  readonly from: string;
  readonly to: string;
}

/** What a change of the topology means, before anything is done. */
export interface Plan extends Size {
  readonly moves: readonly Move[];
  /** Which part of all keys gets another home, from 0 to 1. */
  readonly homes: number;
  /** Which part of all keys is held by nobody but the partition that is lost, from 0 to 1: they are gone for good. */
  readonly lost: number;
}

/** The plan of the change that `topology` has begun; `sizeOf` says what a bucket holds. */
export function planOf(topology: Topology, sizeOf: (bucket: number) => Size): Plan {
  const { names, before, after } = assignmentOf(topology);
  const { change: _, ...present } = topology;
  const { before: now } = assignmentOf(present);
  const lostIndex = names.indexOf(topology.change?.lost ?? "");
  const moves = new Map<string, Move>();
  let homes = 0;
  let lost = 0;
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const holders = before.lists[before.of[bucket]!]!;
    const next = after.lists[after.of[bucket]!]!;
    if (now.lists[now.of[bucket]!]![0] !== next[0]) homes++;
    const source = holders.find((index) => index !== lostIndex);
    if (source === undefined) {
      lost++;
      continue;
    }
    for (const index of next) {
      if (holders.includes(index)) continue;
      const { keys, bytes } = sizeOf(bucket);
      const [from, to] = [names[source]!, names[index]!];
      const move = moves.get(`${from} ${to}`) ?? { from, to, keys: 0, bytes: 0 };
      moves.set(`${from} ${to}`, { from, to, keys: move.keys + keys, bytes: move.bytes + bytes });
    }
  }
  const all = [...moves.values()];
  return {
    moves: all,
    keys: all.reduce((sum, move) => sum + move.keys, 0),
    bytes: all.reduce((sum, move) => sum + move.bytes, 0),
    homes: homes / bucketCount,
    lost: lost / bucketCount,
  };
}
