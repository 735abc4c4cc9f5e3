import { PartitionError } from "../partition.ts";
import type { Log } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import type { Runtime } from "../runtime.ts";
import type { AntiEntropy, PassResult } from "./anti-entropy.ts";
import type { Handoff } from "./handoff.ts";
import type { Purge, PurgeResult } from "./purge.ts";

export interface LoopOptions {
  readonly replicas: ReplicaSet;
  readonly handoff: Handoff;
  readonly antiEntropy: AntiEntropy;
  readonly purge: Purge;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Between passes of anti-entropy. */
  readonly passIntervalMs: number;
  /** Between purges. */
  readonly purgeIntervalMs: number;
}

/** How often it looks whether something is due. */
const tickMs = 1000;
/** Request ids are kept for a day. */
const requestAgeMs = 24 * 3_600_000;
const requestsAtOnce = 1000;

/**
 * The synchronisation that a front end does by itself, outside of any request and at its own pace: handoff every
 * second, anti-entropy now and then and at once for a partition that is recovering, purge after it.
 */
export class SyncLoop {
  readonly #options: LoopOptions;
  #cancelTick: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #nextPassAt: number;
  #nextPurgeAt: number;
  lastPass: (PassResult & { readonly at: number }) | undefined;
  lastPurge: (PurgeResult & { readonly at: number }) | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
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
  }

  async #tick(): Promise<void> {
    const { handoff, replicas, runtime, passIntervalMs, purgeIntervalMs } = this.#options;
    await handoff.round();
    const now = runtime.elapsed();
    const isRecovering = replicas.replicas.some((replica) => replica.isReceiving);
    if (this.#isStopped || !(isRecovering || now >= this.#nextPassAt)) return;
    if (now >= this.#nextPassAt) this.#nextPassAt = now + passIntervalMs * (0.75 + runtime.random() / 2);
    this.lastPass = { ...(await this.#options.antiEntropy.pass({ isRepair: true })), at: runtime.now() };
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
