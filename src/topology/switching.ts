import { PartitionError } from "../partition.ts";
import type { Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import { type Runtime, sleep } from "../runtime.ts";
import type { Handoff } from "../sync/handoff.ts";
import { clockSlackMs, copyRequests } from "./requests.ts";
import type { Topology } from "./topology.ts";

export interface SwitchingOptions {
  readonly replicas: ReplicaSet;
  readonly handoff: Handoff;
  readonly runtime: Runtime;
  /** How long plain operations wait for old members that are out of reach. */
  readonly catchUpMs: number;
}

const retryMs = 100;

/**
 * Makes the new homes of a change ready to decide, for this front end: each other one does so for itself. Every old
 * member takes no write by the topology before any more; after that it owes a new home nothing that was decided before,
 * and its request ids are brought as well.
 */
export class Switching {
  readonly #options: SwitchingOptions;
  #isStopped = false;

  constructor(options: SwitchingOptions) {
    this.#options = options;
  }

  /** Called when a topology was adopted: goes on in the background. */
  start(): void {
    const { replicas } = this.#options;
    for (const home of replicas.unready) void this.#makeReady(home, replicas.topology);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #makeReady(home: Replica, topology: Topology): Promise<void> {
    const { replicas, handoff, runtime, catchUpMs } = this.#options;
    const deadline = runtime.elapsed() + catchUpMs;
    const names = topology.members.map(({ name }) => name).filter((name) => name !== topology.change?.lost);
    const waitedFor = new Set(replicas.replicas.filter((each) => each !== home && names.includes(each.name)));
    // Another program may have filled it, which this one would notice within a second only.
    if (home.isReceiving) void home.reconsider();
    while (replicas.topology === topology && !this.#isStopped) {
      const isDone = await Promise.all([...waitedFor].map((source) => this.#takeOver(source, home, topology)));
      for (const [index, source] of [...waitedFor].entries()) if (isDone[index]) waitedFor.delete(source);
      if (replicas.topology !== topology) return;
      if (waitedFor.size === 0 && home.isSteady) {
        replicas.setReady(home);
        // What others took meanwhile keeps it from deciding conditional writes.
        return handoff.catchUpLate();
      }
      if (runtime.elapsed() >= deadline) replicas.setReady(home, true);
      await sleep(runtime, retryMs);
    }
  }

  /** Whether `source` will decide nothing any more that `home` has not got. */
  async #takeOver(source: Replica, home: Replica, topology: Topology): Promise<boolean> {
    if (!source.isReachable || !home.isReachable) return false;
    const { handoff } = this.#options;
    try {
      const stored = await source.use((partition) => partition.adopt(topology));
      if ((stored.topology?.epoch ?? 0) < topology.epoch) return false;
      await handoff.deliver(source, home);
      const since = (topology.change?.requestsUntil ?? 0) - clockSlackMs;
      await copyRequests(source, home, since, this.#options);
      return true;
    } catch (error) {
      if (error instanceof PartitionError) return false;
      throw error;
    }
  }
}
