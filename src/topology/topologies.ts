import { StoreError } from "../errors.ts";
import { PartitionError } from "../partition.ts";
import type { Log, Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import type { Runtime } from "../runtime.ts";
import type { Register } from "./register.ts";
import { begun, type ChangeRequest, cancelled, describeChange, type Topology } from "./topology.ts";

export interface TopologiesOptions {
  readonly replicas: ReplicaSet;
  readonly register: Register;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Makes a database of the configuration ready to join, when it is to. Throws when there is none of that name. */
  readonly prepare: (name: string) => Promise<void>;
  /** Called after another topology was adopted, with the replicas that have come and those that are gone. */
  readonly onAdopted: (come: readonly Replica[], gone: readonly Replica[]) => void;
}

/** How far a change of the topology has come, as this program sees it. */
export interface ChangeStatus {
  readonly epoch: number;
  /** In a few words, such as `add p3, filling`; `""` when none is under way. */
  readonly change: string;
  /** Which part of it is done, from 0 to 1; `undefined` when none is under way. */
  readonly progress: number | undefined;
  /** What it waits for, in a sentence; `""` when nothing holds it up. */
  readonly waitsFor: string;
}

/**
 * What this program knows of the store's topology, and how it is changed. Everything adopted was decided by a majority,
 * so the newest that any partition has is what counts.
 */
export class Topologies {
  readonly #options: TopologiesOptions;
  /** Told by whoever drives the change. */
  progress = 0;
  waitsFor = "";
  #refreshing: Promise<ReadonlyMap<Replica, number>> | undefined;

  constructor(options: TopologiesOptions) {
    this.#options = options;
  }

  /** Makes what the configuration says the first topology, if there is none yet and a majority can be asked. */
  async found(): Promise<void> {
    const current = this.current();
    if (current.epoch > 0) return;
    try {
      await this.decide({ ...current, epoch: 1 });
    } catch (error) {
      // Until then each front end goes by its configuration, as it did.
      if (!(error instanceof StoreError)) throw error;
      this.#options.log.warn({ problem: error.message }, "the topology is not stored yet");
    }
  }

  /** What this program goes by. */
  current(): Topology {
    return this.#options.replicas.topology;
  }

  status(): ChangeStatus {
    const topology = this.current();
    const isChanging = topology.change !== undefined;
    return {
      epoch: topology.epoch,
      change: describeChange(topology),
      progress: isChanging ? this.progress : undefined,
      waitsFor: isChanging ? this.waitsFor : "",
    };
  }

  /**
   * Asks every partition that can be reached, adopts the newest topology and brings forward those that are behind. Gives
   * the epochs of those that answered.
   */
  refresh(): Promise<ReadonlyMap<Replica, number>> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /**
   * Whether `replica` holds what the topology of `epoch` says, by which it was read; if not, the newer one is adopted.
   *
   * @throws PartitionError when it cannot be asked.
   */
  async confirm(replica: Replica, epoch: number): Promise<boolean> {
    await this.#ask(replica);
    return epoch === this.current().epoch;
  }

  /**
   * Begins a change. The front ends, and every `kvasir sync`, carry it through.
   *
   * @throws ConfigError when it makes no sense or another one is under way, StoreError when no majority can be asked.
   */
  async begin(request: ChangeRequest): Promise<Topology> {
    const { register, prepare, runtime } = this.#options;
    await this.refresh();
    const id = Math.floor(runtime.random() * 2 ** 48).toString(36);
    const joining = request.kind === "add" ? request.name : request.kind === "replace" ? request.by : undefined;
    for (;;) {
      const current = this.current();
      const next = begun(current, request, id);
      if (joining !== undefined) await prepare(joining);
      const decided = await register.decide(current, next);
      this.adopt(decided);
      // Otherwise somebody else was faster: then there is a change under way, or this one may begin now.
      if (decided.change?.id === id) return decided;
    }
  }

  /**
   * Ends a change that has not switched yet.
   *
   * @throws ConfigError when there is none, or it has switched; StoreError when no majority can be asked.
   */
  async cancel(): Promise<Topology> {
    await this.refresh();
    for (;;) {
      const current = this.current();
      const next = cancelled(current);
      const decided = await this.decide(next);
      if (decided.change === undefined) return decided;
    }
  }

  /** Has it decided that `next` follows upon the current topology, and goes by what was decided. */
  async decide(next: Topology): Promise<Topology> {
    const decided = await this.#options.register.decide(this.current(), next);
    this.adopt(decided);
    return decided;
  }

  /** Goes by `topology`, if it is newer. */
  adopt(topology: Topology): void {
    const { replicas, log, onAdopted } = this.#options;
    if (topology.epoch <= replicas.epoch) return;
    const before = replicas.replicas;
    const gone = replicas.adopt(topology);
    this.progress = 0;
    this.waitsFor = "";
    const members = topology.members.map(({ name }) => name).join(", ");
    log.info({ epoch: topology.epoch, members, change: describeChange(topology) }, "topology adopted");
    onAdopted(
      replicas.replicas.filter((replica) => !before.includes(replica)),
      gone,
    );
  }

  // --- Internal helpers ---

  async #refresh(): Promise<ReadonlyMap<Replica, number>> {
    const { replicas, register } = this.#options;
    const epochs = new Map<Replica, number>();
    await Promise.all(
      replicas.replicas.map(async (replica) => {
        if (!replica.isReachable) return;
        try {
          epochs.set(replica, await this.#ask(replica));
        } catch (error) {
          if (!(error instanceof PartitionError)) throw error;
        }
      }),
    );
    const topology = this.current();
    const behind = [...epochs].filter(([, epoch]) => epoch < topology.epoch).map(([replica]) => replica);
    if (behind.length > 0) await register.spread(topology);
    return epochs;
  }

  async #ask(replica: Replica): Promise<number> {
    const asked = this.#options.runtime.elapsed();
    const { topology } = await replica.use((partition) => partition.topology());
    if (topology !== undefined) this.adopt(topology);
    replica.confirm(asked);
    return topology?.epoch ?? 0;
  }
}
