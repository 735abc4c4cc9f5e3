import { PartitionError } from "../partition.ts";
import type { Log, Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import { type Runtime, sleep } from "../runtime.ts";
import { stampAt } from "../version.ts";
import type { AntiEntropy } from "./anti-entropy.ts";

/** Rows looked through at once. */
const sliceRows = 20_000;

export interface PurgeOptions {
  readonly replicas: ReplicaSet;
  readonly antiEntropy: AntiEntropy;
  readonly runtime: Runtime;
  readonly log: Log;
  /** How old tombstones and expired records get before they are forgotten. */
  readonly purgeAfterMs: number;
}

export interface PurgeResult {
  readonly purged: number;
  /** Why nothing could be purged, in a sentence; empty when it could. */
  readonly blocked: string;
}

/**
 * Forgets tombstones and expired records when every replica has them, by proof and never by age alone.
 *
 * First no partition accepts a write at or below the new floor any more. Then, when nobody owes a hint at or below it
 * and all are equal up to it, it becomes the floor of all: from now on whatever is at or below it and absent is a
 * ghost, wherever it comes from. Only then is anything deleted, each record on the condition of its exact version.
 * A partition that is away stops all of it.
 */
export class Purge {
  readonly #options: PurgeOptions;

  constructor(options: PurgeOptions) {
    this.#options = options;
  }

  /** Never rejects when a partition is lost on the way: nothing is lost by purging later. */
  async run(): Promise<PurgeResult> {
    const { replicas, runtime, purgeAfterMs } = this.#options;
    try {
      const blocked = await this.#raiseFloor(stampAt(runtime.now() - purgeAfterMs));
      if (blocked !== "") return { purged: 0, blocked };
      let purged = 0;
      for (const replica of replicas.replicas) purged += await this.#purge(replica);
      return { purged, blocked: "" };
    } catch (error) {
      if (!(error instanceof PartitionError)) throw error;
      return { purged: 0, blocked: error.message };
    }
  }

  /** @returns why it cannot be raised, or `""`. */
  async #raiseFloor(floor: bigint): Promise<string> {
    const { replicas, topology } = this.#options.replicas;
    if (topology.change !== undefined) return "the topology is changing";
    const unsteady = replicas.find((replica) => !replica.isSteady);
    if (unsteady !== undefined) return `partition ${unsteady.name} is ${unsteady.state}`;
    const visits = replicas.map((replica) => replica.visit);
    await Promise.all(replicas.map((replica) => replica.use((partition) => partition.raise({ writeFloor: floor }))));
    for (const replica of replicas) {
      const owed = await replica.use((partition) => partition.owed());
      const old = owed.find(({ oldest }) => stampAt(oldest) <= floor);
      if (old !== undefined) return `partition ${replica.name} still owes old writes to ${old.target}`;
    }
    if (!(await this.#options.antiEntropy.isEqualUpTo(floor))) return "the partitions are not equal yet";
    for (const replica of replicas) {
      const stored = await replica.use((partition) => partition.topology());
      // Others may hold what is to be compared by now.
      if ((stored.topology?.epoch ?? 0) !== topology.epoch) return "the topology was changed";
    }
    const wereSteady = replicas.every((replica, index) => replica.isSteady && replica.visit === visits[index]);
    if (!wereSteady) return "a partition was away meanwhile";
    const raised = await Promise.all(replicas.map((replica) => replica.use((partition) => partition.raise({ floor }))));
    return raised.every((isRaised) => isRaised) ? "" : "a partition still owes old writes";
  }

  async #purge(replica: Replica): Promise<number> {
    let purged = 0;
    for (let after: string | undefined = ""; after !== undefined; ) {
      const start: string = after;
      const slice = await replica.use((partition) => partition.purge(start, sliceRows));
      purged += slice.purged;
      after = slice.last;
      await sleep(this.#options.runtime, 0);
    }
    return purged;
  }
}
