import { type Partition, PartitionError } from "../partition.ts";

/** What not every partition has. */
const optional: ReadonlySet<string> = new Set([
  "readNow",
  "readSmall",
  "readLarge",
  "batches",
] satisfies (keyof Partition)[]);

/**
 * A partition of the topology that the configuration did not have when it was asked for. Opening it looks for it again;
 * until it is found, it is away.
 */
export function latePartition(name: string, find: (name: string) => Promise<Partition | undefined>): Partition {
  let found: Partition | undefined;
  const mustFind = async () => {
    found ??= await find(name);
    if (found !== undefined) return found;
    const reason = "it belongs to the store, but the configuration has no section for it; add one with its url";
    throw new PartitionError("unreachable", name, reason);
  };
  return new Proxy({} as Partition, {
    get: (_, property: keyof Partition) => {
      if (property === "name") return name;
      if (property === "open") return async () => (await mustFind()).open();
      if (property === "initialise") {
        const initialise: Partition["initialise"] = async (...given) => (await mustFind()).initialise(...given);
        return initialise;
      }
      const value = found?.[property];
      if (typeof value === "function") return (value as () => unknown).bind(found);
      if (optional.has(property)) return undefined;
      if (property === "close") return async () => undefined;
      return async () => {
        throw new PartitionError("unreachable", name, "it is not open yet");
      };
    },
  });
}
