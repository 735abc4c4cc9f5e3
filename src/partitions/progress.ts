import { PartitionError, type Progress, type Receiving } from "../partition.ts";

/** `present` with each counter and stamp of `given` that is greater. */
export function raisedProgress(present: Progress, given: Partial<Progress>): Progress {
  const seen = new Map(Object.entries(present.seen));
  for (const [partition, pass] of Object.entries(given.seen ?? {}))
    seen.set(partition, Math.max(seen.get(partition) ?? 0, pass));
  return {
    isComplete: present.isComplete || given.isComplete === true,
    pass: Math.max(present.pass, given.pass ?? 0),
    seen: Object.fromEntries(seen),
    writeFloor: greater(present.writeFloor, given.writeFloor),
    floor: greater(present.floor, given.floor),
  };
}

/** Whether the counter may be raised: one that is behind was set back, which must not be covered up. */
export function mayCount(present: Progress, { pass = 0, isComplete }: Partial<Progress>): boolean {
  return isComplete === true || pass <= present.pass + 1;
}

/** @throws PartitionError `rejected` when the partition `name` is not receiving its records any more as it was. */
export function mustBeReceiving(name: string, receiving: Receiving, pass: number, epoch: number): void {
  if ((receiving.pass ?? pass) === pass && (receiving.epoch ?? epoch) === epoch) return;
  throw new PartitionError("rejected", name, "it has been filled meanwhile, so what is old is not taken any more");
}

const seenPrefix = "seen/";
export const passName = "pass";
/** The rows of the meta table that every write looks at. */
export const floorNames = ["floor", "write_floor", "schema_version"];

/** Progress as the rows of the meta table. */
export function progressRows({ isComplete, pass, seen, writeFloor, floor }: Progress): [name: string, value: string][] {
  return [
    ["complete", isComplete ? "1" : "0"],
    [passName, String(pass)],
    ["write_floor", String(writeFloor)],
    ["floor", String(floor)],
    ...Object.entries(seen).map(([partition, count]): [string, string] => [seenPrefix + partition, String(count)]),
  ];
}

/** What the rows of the meta table say. */
export function progressOf(meta: ReadonlyMap<string, string>): Progress {
  const seen = [...meta].filter(([name]) => name.startsWith(seenPrefix));
  return {
    isComplete: meta.get("complete") === "1",
    pass: Number(meta.get(passName) ?? 0),
    seen: Object.fromEntries(seen.map(([name, value]) => [name.slice(seenPrefix.length), Number(value)])),
    writeFloor: BigInt(meta.get("write_floor") ?? 0),
    floor: BigInt(meta.get("floor") ?? 0),
  };
}

function greater(a: bigint, b: bigint | undefined): bigint {
  return b !== undefined && b > a ? b : a;
}
