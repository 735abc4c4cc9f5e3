import { ConfigError, StoreError } from "../errors.ts";
import { PartitionError, requestAgeMs } from "../partition.ts";
import type { PlacedPartition } from "../replicas/placement.ts";
import type { Log, Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import { type Runtime, sleep } from "../runtime.ts";
import type { AntiEntropy } from "../sync/anti-entropy.ts";
import type { Handoff } from "../sync/handoff.ts";
import type { FillingTurn } from "./filling-turn.ts";
import { clockSlackMs, copyRequests } from "./requests.ts";
import type { Topologies } from "./topologies.ts";
import { finished, switched, type Topology } from "./topology.ts";

export interface DriverOptions {
  readonly topologies: Topologies;
  readonly replicas: ReplicaSet;
  readonly handoff: Handoff;
  readonly antiEntropy: AntiEntropy;
  readonly runtime: Runtime;
  readonly log: Log;
  /** What the configuration has. */
  readonly configured: readonly PlacedPartition[];
  readonly turn: FillingTurn;
}

/** How long a step waits for new homes to be ready, and how often it looks. */
const readyWaitMs = 2000;
const readyCheckMs = 50;

/**
 * Carries a change of the topology through, one step after the other. Each step only finds out what is still missing
 * and does that, so any number of programs may do it at once, and where one ends another goes on.
 */
export class Driver {
  readonly #options: DriverOptions;
  readonly #warned = new Set<string>();
  /** That this program brought when it filled last; 0 when not known. */
  #keysPerSecond = 0;
  /** Until when (ms) request ids were brought to new homes by this program, and for which change. */
  #requests: { readonly id: string; readonly until: number } | undefined;

  constructor(options: DriverOptions) {
    this.#options = options;
  }

  /** Does what can be done now. Gives whether another step may do more at once. Never rejects for what is away. */
  async step(): Promise<boolean> {
    const { topologies, log } = this.#options;
    const topology = topologies.current();
    try {
      topologies.waitsFor = (await this.#advance(topology)) ?? "";
    } catch (error) {
      if (!(error instanceof PartitionError || error instanceof StoreError)) throw error;
      topologies.waitsFor = error.message;
      log.warn({ epoch: topology.epoch, problem: error.message }, "the change of the topology waits");
    }
    return topologies.current().epoch !== topology.epoch;
  }

  // --- Internal helpers ---

  /** Gives what has to be waited for; the topology is another one when a phase is over. */
  async #advance(topology: Topology): Promise<string | undefined> {
    if (topology.epoch === 0) return undefined;
    if (topology.change === undefined) return this.#joinConfigured(topology);
    if (topology.change.phase === "filling") return this.#fill(topology);
    return (await this.#behind(topology)) ?? this.#finish(topology);
  }

  /** One program does it, and the others only look how far that is. */
  async #fill(topology: Topology): Promise<string | undefined> {
    const { topologies, turn } = this.#options;
    const state = () => ({ progress: topologies.progress, keysPerSecond: this.#keysPerSecond });
    const waitsFor = await turn.run(state, async () => (await this.#behind(topology)) ?? this.#fillNow(topology));
    if (turn.other !== undefined) topologies.progress = Math.max(topologies.progress, turn.other.progress);
    return waitsFor;
  }

  /** With replicas = "all", a new section of the configuration is enough. */
  async #joinConfigured({ members, gone, replicas }: Topology): Promise<undefined> {
    const { topologies, configured, log } = this.#options;
    for (const { name, weight } of configured) {
      if (members.some((member) => member.name === name)) continue;
      const isGone = gone.includes(name);
      if (!isGone && replicas === "all") {
        await topologies.begin({ kind: "add", name, weight }).catch((error: unknown) => {
          if (!(error instanceof ConfigError)) throw error;
          this.#warnOnce(name, () =>
            log.warn({ partition: name, problem: error.message }, "partition cannot be added"),
          );
        });
        return undefined;
      }
      const message = isGone
        ? "partition has left the store, and its name is never taken again; remove its section, or give it a new name"
        : `partition is not used; kvasir partition add ${name} makes it a member`;
      this.#warnOnce(name, () => log.warn({ partition: name }, message));
    }
    return undefined;
  }

  #warnOnce(name: string, warn: () => void): void {
    if (this.#warned.has(name)) return;
    this.#warned.add(name);
    warn();
  }

  /** Those that decide by an older topology, or may, are waited for: only then everything is owed to whom it is to be. */
  async #behind({ epoch, change }: Topology): Promise<string | undefined> {
    const { topologies, replicas } = this.#options;
    // The first time brings those forward that can be reached, the second time tells whom it did not.
    await topologies.refresh();
    const epochs = await topologies.refresh();
    const behind = replicas.replicas.find(
      (replica) => replica.name !== change?.lost && (epochs.get(replica) ?? 0) < epoch,
    );
    return behind && `partition ${behind.name} (${behind.problem || "it is behind"})`;
  }

  async #fillNow(topology: Topology): Promise<string | undefined> {
    const { topologies, antiEntropy, replicas, runtime } = this.#options;
    const { change } = topology;
    if (change === undefined) return undefined;
    const onProgress = (part: number, keysPerSecond: number) => {
      topologies.progress = Math.max(topologies.progress, part * 0.9);
      // What was limited says nothing of the next time.
      if (change.keysPerSecond === undefined) this.#keysPerSecond = keysPerSecond;
    };
    const isFilled = await antiEntropy.fill({ onProgress, keysPerSecond: change.keysPerSecond });
    if (!isFilled) return "a partition was lost while it was compared";
    if (replicas.topology !== topology) return undefined;
    await this.#copyRequests(change.id);
    const differing = await antiEntropy.differing();
    if (differing > 0) return `${differing} keys that are not the same everywhere yet`;
    const unfit = await this.#unfit(change.members.map(({ name }) => name));
    if (unfit !== undefined) return unfit;
    topologies.progress = Math.max(topologies.progress, 0.95);
    // So that the old homes have next to nothing left when the new ones wait for it.
    await this.#deliverAll(change.lost);
    await this.#copyRequests(change.id);
    if (replicas.topology !== topology) return undefined;
    await topologies.decide(switched(topology, this.#requests?.until ?? runtime.now() - requestAgeMs));
    return undefined;
  }

  /** A member of what will be that is being filled itself. */
  async #unfit(names: readonly string[]): Promise<string | undefined> {
    const { replicas } = this.#options;
    for (const replica of replicas.replicas.filter(({ name }) => names.includes(name))) {
      if (replica.isReceiving) await replica.reconsider();
      const { isComplete } = await replica.use((partition) => partition.progress());
      // Where each key has one replica, no pass says so.
      if (!isComplete && replicas.perKey === 1) await replica.use((partition) => partition.raise({ isComplete: true }));
      else if (!isComplete || replica.isReceiving) return `partition ${replica.name}, which is being filled`;
    }
    return undefined;
  }

  /** From the old homes to the new ones. */
  async #copyRequests(id: string): Promise<void> {
    const { replicas, runtime } = this.#options;
    const until = runtime.now();
    const since = this.#requests?.id === id ? this.#requests.until - clockSlackMs : until - requestAgeMs;
    for (const [source, target] of replicas.movedHomes()) {
      if (source.name === replicas.topology.change?.lost) continue;
      await copyRequests(source, target, since, { replicas, runtime });
    }
    this.#requests = { id, until };
  }

  /** Gives what could not be delivered. */
  async #deliverAll(lost: string | undefined): Promise<string | undefined> {
    const { replicas, handoff } = this.#options;
    const next = replicas.topology.change?.members.map(({ name }) => name) ?? [];
    const targets = replicas.replicas.filter(({ name }) => next.includes(name));
    const sources: Replica[] = replicas.replicas.filter(({ name }) => name !== lost);
    for (const source of sources) {
      for (const target of targets) {
        if (source === target || (await handoff.deliver(source, target))) continue;
        return `what partition ${source.name} owes to ${target.name}, which refuses it`;
      }
    }
    return undefined;
  }

  async #finish(topology: Topology): Promise<string | undefined> {
    const { topologies, replicas, runtime } = this.#options;
    topologies.progress = Math.max(topologies.progress, 0.97);
    const deadline = runtime.elapsed() + readyWaitMs;
    while (replicas.unready.length > 0 && runtime.elapsed() < deadline) await sleep(runtime, readyCheckMs);
    const [unready] = replicas.unready;
    if (unready !== undefined) return `partition ${unready.name}, until it has all that others decided`;
    // Who leaves must owe nothing to anybody any more.
    const undelivered = await this.#deliverAll(topology.change?.lost);
    if (undelivered !== undefined || replicas.topology !== topology) return undelivered;
    await topologies.decide(finished(topology));
    return undefined;
  }
}
