import { assembleStore } from "../../src/assemble-store.ts";
import { batching } from "../../src/replicas/batching.ts";
import type { Log } from "../../src/replicas/replica.ts";
import { systemRuntime } from "../../src/runtime.ts";
import type { Store } from "../../src/store.ts";
import { type FaultyPartition, faultyPartition } from "./faulty-partition.ts";

export const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface MemoryStore {
  readonly store: Store;
  /** In the order of their names, `p1` first. */
  readonly partitions: readonly FaultyPartition[];
  /** Another front end on the same partitions. */
  second(): Promise<Store>;
}

/** A store on partitions in memory, for tests. Close it with `store.close()`. */
export async function memoryStore(
  options: {
    partitions?: number;
    replicas?: "all" | number;
    standIn?: boolean;
    requestTimeoutMs?: number;
    catchUpMs?: number;
    queueMs?: number;
  } = {},
): Promise<MemoryStore> {
  const partitions = Array.from({ length: options.partitions ?? 1 }, (_, index) => faultyPartition(`p${index + 1}`));
  for (const { memory } of partitions) await memory.initialise({ cluster: "test", partition: memory.name });
  const open = () =>
    assembleStore(
      partitions.map(({ partition }) => ({
        name: partition.name,
        weight: 1,
        displayUrl: `memory:${partition.name}`,
        partition: batching(partition, systemRuntime, {
          readLanes: 2,
          writeLanes: 2,
          waitMsMax: options.queueMs ?? 2000,
        }),
      })),
      {
        cluster: "test",
        replicas: options.replicas ?? "all",
        standIn: options.standIn ?? true,
        catchUpMs: options.catchUpMs ?? 2000,
        purgeAfterMs: 24 * 3_600_000,
        passIntervalMs: 600_000,
        purgeIntervalMs: 3_600_000,
        isSyncing: true,
        requestTimeoutMs: options.requestTimeoutMs ?? 2000,
        runtime: systemRuntime,
        log: silentLog,
      },
    );
  return { store: await open(), partitions, second: open };
}

/** Resolves when `holds` does; a test that waits for nothing fails by its own timeout. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
