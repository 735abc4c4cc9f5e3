import { type Filling, fillingTurnMsMax, hasTurn, PartitionError } from "../partition.ts";
import type { Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import type { Runtime } from "../runtime.ts";
import { newWriterId } from "../version.ts";

export interface FillingTurnOptions {
  readonly replicas: ReplicaSet;
  readonly runtime: Runtime;
}

/** A turn that is not prolonged any more ends so late; another program goes on then. */
const turnMs = fillingTurnMsMax / 2;
const prolongMs = turnMs / 3;

/** How far the one who fills has come. */
type FillingState = Pick<Filling, "progress" | "keysPerSecond">;

/**
 * Lets one program at a time fill, because each further one would read all the digests and the versions as well. It is
 * a courtesy, not a lock: two that fill at once, when one was stopped for long or they do not see the same partitions,
 * do no harm but twice the work. So where the turn cannot be stored, whoever asks for it has it.
 */
export class FillingTurn {
  readonly #options: FillingTurnOptions;
  readonly #by: string;
  #isMine = false;
  /** What another program that has the turn says of it; `undefined` when none has. */
  other: Filling | undefined;

  constructor(options: FillingTurnOptions) {
    this.#options = options;
    this.#by = newWriterId(options.runtime.random).toString(36);
  }

  /** Whether anybody fills now, this program or another. */
  get isTaken(): boolean {
    return this.#isMine || (this.other !== undefined && hasTurn(this.other, this.#options.runtime.now()));
  }

  /** Does `work` when no other program has the turn, and keeps it until then. The others are told what `state` gives. */
  async run<T>(state: () => FillingState, work: () => Promise<T>): Promise<T | undefined> {
    this.other = (await this.#look()) ?? (await this.#store(state(), turnMs));
    if (this.other !== undefined) return undefined;
    this.#isMine = true;
    let cancel: () => void = () => undefined;
    const prolong = () => {
      cancel = this.#options.runtime.after(prolongMs, () => {
        void this.#store(state(), turnMs).then(() => {
          if (this.#isMine) prolong();
        });
      });
    };
    prolong();
    try {
      return await work();
    } finally {
      this.#isMine = false;
      cancel();
      await this.#store(state(), 0);
    }
  }

  /** How many keys a second were brought when a change filled last, or is filling; `undefined` when nobody has measured it. */
  async keysPerSecond(): Promise<number | undefined> {
    const { replicas, runtime } = this.#options;
    for (const replica of replicas.replicas.filter((each) => each.isReachable)) {
      const filling = await replica.use((partition) => partition.filling(runtime.now())).catch(ignoreLoss);
      if (filling !== undefined && filling.keysPerSecond > 0) return filling.keysPerSecond;
    }
    return undefined;
  }

  // --- Internal helpers ---

  /** Another program that has the turn. */
  async #look(): Promise<Filling | undefined> {
    const now = this.#options.runtime.now();
    const stored = await this.#keeper()
      ?.use((partition) => partition.filling(now))
      .catch(ignoreLoss);
    return stored !== undefined && stored.by !== this.#by && hasTurn(stored, now) ? stored : undefined;
  }

  /** Takes, prolongs or ends this program's turn. Gives the other program that has it instead. */
  async #store({ progress, keysPerSecond }: FillingState, forMs: number): Promise<Filling | undefined> {
    const { runtime } = this.#options;
    const now = runtime.now();
    const mine: Filling = { by: this.#by, until: now + forMs, progress, keysPerSecond };
    const stored = await this.#keeper()
      ?.use((partition) => partition.filling(now, mine))
      .catch(ignoreLoss);
    return stored === undefined || stored.by === this.#by ? undefined : stored;
  }

  /** Any would do; all ask the same one as long as they see the same ones, and it is not one that leaves. */
  #keeper(): Replica | undefined {
    const { replicas, topology } = this.#options.replicas;
    const names = (topology.change ?? topology).members.map(({ name }) => name);
    return replicas.find((replica) => replica.isReachable && names.includes(replica.name));
  }
}

function ignoreLoss(error: unknown): undefined {
  if (!(error instanceof PartitionError)) throw error;
}
