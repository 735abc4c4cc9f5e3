import type { Runtime } from "../runtime.ts";
import type { ReplicaSet } from "./replica-set.ts";

/** How far a front end's clock may be from the servers' before its writes are refused. */
const skewMsMax = 2000;
/** So many clocks make a majority that one wrong one cannot sway. */
const clocksMin = 3;
/** An answer that took longer says too little of the time. */
const roundTripMsMax = 1000;

/**
 * Compares this process's clock with those of the database servers. A front end whose clock is off would give its
 * writes versions that lose to earlier ones, or that win over later ones.
 */
export class ClockFence {
  readonly #replicas: ReplicaSet;
  readonly #runtime: Runtime;
  #skewMs: number | undefined;
  #clocks = 0;

  constructor(replicas: ReplicaSet, runtime: Runtime) {
    this.#replicas = replicas;
    this.#runtime = runtime;
  }

  /** How far this clock is ahead of the servers' median, in ms; `undefined` when there are none to compare with. */
  get skewMs(): number | undefined {
    return this.#skewMs;
  }

  /** Whether writes are to be refused. With fewer than three servers the skew is only reported. */
  get isShut(): boolean {
    return this.#clocks >= clocksMin && Math.abs(this.#skewMs ?? 0) > skewMsMax;
  }

  async measure(): Promise<void> {
    const skews: number[] = [];
    await Promise.all(
      this.#replicas.replicas.map(async (replica) => {
        if (!replica.isReachable) return;
        const sent = this.#runtime.elapsed();
        const before = this.#runtime.now();
        const time = await replica.use((partition) => partition.time()).catch(() => undefined);
        const roundTripMs = this.#runtime.elapsed() - sent;
        if (time !== undefined && roundTripMs <= roundTripMsMax) skews.push(before + roundTripMs / 2 - time);
      }),
    );
    skews.sort((a, b) => a - b);
    this.#clocks = skews.length;
    this.#skewMs = skews.length === 0 ? undefined : skews[Math.floor(skews.length / 2)];
  }
}
