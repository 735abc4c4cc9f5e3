import { ConfigError } from "../errors.ts";
import { PartitionError, requestAgeMs } from "../partition.ts";
import type { ClockFence } from "../replicas/clock-fence.ts";
import { Loads } from "../replicas/load.ts";
import type { Log } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import type { Runtime } from "../runtime.ts";
import type { Driver } from "../topology/driver.ts";
import type { FillingTurn } from "../topology/filling-turn.ts";
import type { Sweep } from "../topology/sweep.ts";
import type { Topologies } from "../topology/topologies.ts";
import type { AntiEntropy, PassOptions, PassResult } from "./anti-entropy.ts";
import type { Size } from "./digest.ts";
import type { Handoff } from "./handoff.ts";
import type { Purge, PurgeResult } from "./purge.ts";
import { type ScrubResult, scrub } from "./scrub.ts";
import type { SetAsideRecord } from "./set-aside.ts";
import { type CountOptions, countSizes } from "./sizes.ts";

export interface LoopOptions {
  readonly replicas: ReplicaSet;
  readonly handoff: Handoff;
  readonly antiEntropy: AntiEntropy;
  readonly purge: Purge;
  readonly fence: ClockFence;
  readonly topologies: Topologies;
  readonly driver: Driver;
  readonly sweep: Sweep;
  readonly turn: FillingTurn;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Between passes of anti-entropy. */
  readonly passIntervalMs: number;
  /** Between purges. */
  readonly purgeIntervalMs: number;
}

/** What one round of everything did. */
export interface SyncReport {
  readonly delivered: number;
  /** Writes that are still owed, on the partitions that could be asked. */
  readonly owed: number;
  readonly setAside: readonly SetAsideRecord[];
  /** Partitions that could not be reached, each with why. */
  readonly away: readonly string[];
  /** Partitions that were lost on the way and are back, each with why: what they were asked may not have been done. */
  readonly lost: readonly string[];
  /** `undefined` also while another program fills partitions for a change of the topology. */
  readonly pass: PassResult | undefined;
  readonly purge: PurgeResult | undefined;
  /** Records that had moved to other partitions, and were removed by a run that waited for that. */
  readonly removed: number;
}

export interface OnceOptions {
  /** Just what is owed by and to that partition. */
  readonly only?: string | undefined;
  readonly onProgress?: (part: number) => void;
  /** Nothing comes after it: what moved away is waited for, for a minute, until it may be removed. @default false */
  readonly isLast?: boolean;
  /** Asked while it waits. */
  readonly isStopped?: () => boolean;
}

/** How often it looks whether something is due. */
const tickMs = 1000;
/** How often the clock is compared with the servers'. */
const measureIntervalMs = 5000;
/** How often the counters of the partitions that were written to are raised: what a setback may cost unnoticed. */
const markIntervalMs = 10_000;
const requestsAtOnce = 1000;

/**
 * The synchronisation that a front end does by itself, outside of any request and at its own pace: handoff every
 * second, anti-entropy now and then and at once for a partition that is recovering, purge after it.
 */
export class SyncLoop {
  readonly #options: LoopOptions;
  #cancelTick: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #driving: Promise<void> | undefined;
  #isStopped = false;
  #nextMeasureAt = 0;
  #nextMarkAt = 0;
  #nextPassAt: number;
  #nextPurgeAt: number;
  lastPass: (PassResult & { readonly at: number }) | undefined;
  /** What reaches each partition, looked at every second. */
  readonly loads: Loads;
  lastPurge: (PurgeResult & { readonly at: number }) | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.loads = new Loads(options.runtime);
    // Front ends that started together do not all pass at once.
    const { runtime, passIntervalMs, purgeIntervalMs } = options;
    this.#nextPassAt = runtime.elapsed() + passIntervalMs * (0.5 + runtime.random());
    this.#nextPurgeAt = runtime.elapsed() + purgeIntervalMs * (0.5 + runtime.random());
  }

  start(): void {
    if (this.#isStopped) return;
    this.#cancelTick = this.#options.runtime.after(tickMs, () => {
      this.#running = this.#tick()
        .catch((error: unknown) => this.#options.log.error({ err: error }, "synchronisation failed"))
        .finally(() => this.start());
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTick?.();
    this.#options.handoff.stop();
    await this.#running;
    await this.#driving;
  }

  /**
   * Everything once, for `kvasir sync`: delivers what is owed, compares and mends, purges, and removes what moved away.
   * With `only`, just what is owed by and to that partition.
   */
  async once(options: OnceOptions): Promise<SyncReport> {
    const { handoff, antiEntropy, purge, replicas, turn, sweep, runtime } = this.#options;
    const { only, onProgress = () => undefined, isLast = false, isStopped = () => false } = options;
    const began = runtime.elapsed();
    if (only === undefined) await this.changeTopology();
    await handoff.deliverAll({}, only);
    onProgress(0.2);
    const pass =
      only === undefined && !turn.isTaken
        ? await antiEntropy.pass({ isRepair: true, onProgress: (part) => onProgress(0.2 + part * 0.7) })
        : undefined;
    const purged = only === undefined ? await purge.run() : undefined;
    onProgress(0.95);
    const removed = isLast && pass !== undefined && pass.misplaced > 0 ? await sweep.finish(isStopped) : 0;
    onProgress(1);
    const owed = await Promise.all(
      replicas.replicas.map((replica) => replica.use((partition) => partition.owed()).catch(() => undefined)),
    );
    const away = replicas.replicas.filter((replica) => !replica.isReachable);
    const lost = replicas.replicas.filter(
      ({ isReachable, lastLoss }) => isReachable && lastLoss && lastLoss.at >= began,
    );
    return {
      delivered: handoff.delivered,
      owed: owed.flatMap((each) => each ?? []).reduce((sum, { count }) => sum + count, 0),
      setAside: handoff.setAside,
      away: away.map(({ name, problem }) => `${name}: ${problem}`),
      lost: lost.map(({ name, lastLoss }) => `${name}: ${lastLoss!.problem}`),
      pass,
      purge: purged,
      removed,
    };
  }

  /**
   * Carries a change of the topology through, as far as it can be now: for a program that does not do so in the
   * background.
   */
  async changeTopology(): Promise<void> {
    const { topologies, driver, sweep } = this.#options;
    await topologies.refresh();
    await topologies.found();
    while ((await driver.step()) && !this.#isStopped);
    if (!this.#isStopped) await sweep.step();
  }

  /** Compares all replicas, and mends what differs if asked to. */
  compare(options: PassOptions): Promise<PassResult> {
    return this.#options.antiEntropy.pass(options);
  }

  /** What each bucket holds now. */
  count(options: CountOptions): Promise<(bucket: number) => Size> {
    const { replicas, runtime } = this.#options;
    return countSizes(replicas, runtime, options);
  }

  /** How many keys a second a change of the topology brought the last time; `undefined` when nobody has measured it. */
  fillingRate(): Promise<number | undefined> {
    return this.#options.turn.keysPerSecond();
  }

  /** Checks every value against its fingerprints; see `scrub.ts`. */
  scrub({ isRepair }: { isRepair: boolean }): Promise<ScrubResult> {
    const { replicas, runtime } = this.#options;
    return scrub({ replicas, runtime, isRepair });
  }

  /** @throws ConfigError when there is no partition of this name. */
  checkPartition(name: string | undefined): void {
    const names = this.#options.replicas.replicas.map((replica) => replica.name);
    if (name === undefined || names.includes(name)) return;
    throw new ConfigError(`there is no partition ${JSON.stringify(name)}; there are ${names.join(", ")}`);
  }

  async #tick(): Promise<void> {
    const { antiEntropy, handoff, replicas, runtime, log, passIntervalMs, purgeIntervalMs, fence, topologies, turn } =
      this.#options;
    const now = runtime.elapsed();
    this.loads.sample(replicas.replicas);
    if (now >= this.#nextMeasureAt) {
      this.#nextMeasureAt = now + measureIntervalMs;
      await fence.measure();
    }
    await topologies.refresh();
    // What takes hours must not hold up what is due every second.
    this.#driving ??= this.changeTopology()
      .catch((error: unknown) => log.error({ err: error }, "the topology could not be changed"))
      .finally(() => {
        this.#driving = undefined;
      });
    await handoff.catchUpLate();
    await handoff.round();
    if (now >= this.#nextMarkAt && !this.#isStopped) {
      const written = handoff.takeWritten();
      // What is written after a quiet time is marked at once: a backup is often taken just before.
      if (written.size > 0) this.#nextMarkAt = now + markIntervalMs;
      await antiEntropy.mark(written);
    }
    // A pass would bring what a change is bringing already, and at its own pace.
    if (this.#isStopped || turn.isTaken) return;
    const isRecovering = replicas.replicas.some((replica) => replica.isReceiving);
    if (!(isRecovering || now >= this.#nextPassAt)) return;
    if (now >= this.#nextPassAt) this.#nextPassAt = now + passIntervalMs * (0.75 + runtime.random() / 2);
    const onProgress = (part: number) => {
      for (const replica of replicas.replicas) replica.showFilling(part);
    };
    this.lastPass = { ...(await antiEntropy.pass({ isRepair: true, onProgress })), at: runtime.now() };
    await this.#forgetRequests();
    if (this.#isStopped || now < this.#nextPurgeAt) return;
    this.#nextPurgeAt = now + purgeIntervalMs * (0.75 + runtime.random() / 2);
    this.lastPurge = { ...(await this.#options.purge.run()), at: runtime.now() };
  }

  async #forgetRequests(): Promise<void> {
    const before = this.#options.runtime.now() - requestAgeMs;
    for (const replica of this.#options.replicas.replicas) {
      if (!replica.isReachable) continue;
      try {
        let forgotten: number;
        do {
          forgotten = await replica.use((partition) => partition.forgetRequests(before, requestsAtOnce));
        } while (forgotten === requestsAtOnce && !this.#isStopped);
      } catch (error) {
        if (!(error instanceof PartitionError)) throw error;
      }
    }
  }
}
