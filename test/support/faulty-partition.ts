import { type Partition, PartitionError } from "../../src/partition.ts";
import { MemoryPartition } from "../../src/partitions/memory.ts";

/** What can be wrong with a {@link FaultyPartition}. */
interface Faults {
  /** Every call fails as unreachable, with nothing applied. */
  isDown: boolean;
  /** The next `write` is applied or not, and its answer is lost. */
  loseNextCommit: "applied" | "not_applied" | undefined;
  /** Every `apply` fails: nothing can be delivered to it. */
  refusesDeliveries: boolean;
  /** The kind of error that the next `write` throws. */
  nextWriteError: "full" | "overloaded" | undefined;
  /** Reads and writes wait for it. */
  hold: Promise<void> | undefined;
}

export interface FaultyPartition {
  readonly partition: Partition;
  readonly memory: MemoryPartition;
  readonly faults: Faults;
  /** How often each method was called. */
  readonly calls: Map<string, number>;
}

/** A partition in memory that fails on demand. */
export function faultyPartition(name: string): FaultyPartition {
  const memory = new MemoryPartition(name);
  const faults: Faults = {
    isDown: false,
    loseNextCommit: undefined,
    refusesDeliveries: false,
    nextWriteError: undefined,
    hold: undefined,
  };
  const calls = new Map<string, number>();
  const unreachable = () => new PartitionError("unreachable", name, "the test has taken it down");
  const partition = new Proxy(memory as Partition, {
    get(target, property: keyof Partition) {
      const value = target[property];
      if (typeof value !== "function" || property === "close") return value;
      return async (...parameters: never[]) => {
        calls.set(property, (calls.get(property) ?? 0) + 1);
        if (property === "read" || property === "write") await faults.hold;
        if (faults.isDown) throw unreachable();
        if (property === "apply" && faults.refusesDeliveries)
          throw new PartitionError("overloaded", name, "as the test says");
        if (property === "write" && faults.nextWriteError !== undefined) {
          const kind = faults.nextWriteError;
          faults.nextWriteError = undefined;
          throw new PartitionError(kind, name, "the test says so");
        }
        if (property === "write" && faults.loseNextCommit !== undefined) {
          const isApplied = faults.loseNextCommit === "applied";
          faults.loseNextCommit = undefined;
          const [writes] = parameters as unknown as Parameters<Partition["write"]>;
          const attempted = await (isApplied ? memory : await copyOf(memory)).write(writes);
          throw new PartitionError("unreachable", name, "the answer was lost", { outcome: "unknown", attempted });
        }
        return (value as (...parameters: never[]) => unknown).apply(target, parameters);
      };
    },
  });
  return { partition, memory, faults, calls };
}

/** Decides the same, and leaves no trace. */
async function copyOf(memory: MemoryPartition): Promise<MemoryPartition> {
  const copy = new MemoryPartition(memory.name);
  const everything = { start: "", isStartExclusive: false, end: undefined, isReverse: false, limit: 10_000, now: 0 };
  const { records } = await memory.scan({ ...everything, bytesMax: 2 ** 30, withValues: true, buckets: undefined });
  await copy.apply(records);
  const { topology } = await memory.topology();
  if (topology !== undefined) await copy.adopt(topology);
  return copy;
}
