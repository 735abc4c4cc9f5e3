import type { Runtime } from "../runtime.ts";
import type { Replica } from "./replica.ts";

/** What reaches a partition from this front end in a second. Reads that SQLite answers on the spot are none of it. */
export interface Load {
  readonly reads: number;
  readonly writes: number;
  readonly batches: number;
}

/** Over how long it is averaged. */
const spanMs = 10_000;

/** Load as differences of the counters that batches have anyway: nothing is measured for it in a request. */
export class Loads {
  readonly #runtime: Runtime;
  readonly #samples = new WeakMap<Replica, Sample[]>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** To be called about once a second. */
  sample(replicas: readonly Replica[]): void {
    const at = this.#runtime.elapsed();
    for (const replica of replicas) {
      const count = replica.partition.batches?.();
      if (count === undefined) continue;
      const { reads, writes } = count;
      const samples = this.#samples.get(replica) ?? [];
      this.#samples.set(replica, samples);
      samples.push({ at, reads: reads.members, writes: writes.members, batches: reads.batches + writes.batches });
      while (at - samples[0]!.at > spanMs) samples.shift();
    }
  }

  /** `undefined` before two samples. */
  of(replica: Replica): Load | undefined {
    const samples = this.#samples.get(replica) ?? [];
    const [first, last] = [samples[0], samples.at(-1)];
    if (first === undefined || last === undefined || first === last) return undefined;
    const rate = (name: keyof Load) => ((last[name] - first[name]) * 1000) / (last.at - first.at);
    return { reads: rate("reads"), writes: rate("writes"), batches: rate("batches") };
  }
}

interface Sample extends Load {
  readonly at: number;
}
