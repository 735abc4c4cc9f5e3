import { type Partition, PartitionError, type PartitionInfo } from "../partition.ts";
import type { Runtime } from "../runtime.ts";
import { Latency } from "./latency.ts";

/** What the protocol writes to the log. A pino logger is one. */
export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/**
 * `away`: not reachable, or not what it should be. `catching_up`: reachable again, but others may still owe it
 * writes that stand-ins took, so it answers no request yet. `steady`: in use.
 */
export type ReplicaState = "away" | "catching_up" | "steady";

export interface ReplicaOptions {
  readonly runtime: Runtime;
  readonly log: Log;
  /** Throws when the opened partition is not one of this store. */
  accept(info: PartitionInfo): void;
  /** Resolves when nothing that a stand-in took is owed to the replica any more. */
  catchUp(replica: Replica): Promise<void>;
  /** Called when it has become steady. */
  onSteady(replica: Replica): void;
}

const probeDelayMsMin = 50;
const probeDelayMsMax = 2000;

/**
 * A partition together with whether it can be used: a circuit breaker. The first call that finds it unreachable
 * opens the circuit for everybody, so that no second request waits for a timeout; probes in the background
 * close it again.
 */
export class Replica {
  readonly name: string;
  readonly displayUrl: string;
  readonly partition: Partition;
  readonly latency = new Latency();
  state: ReplicaState = "away";
  /** Why it is away, in a sentence; empty when nothing is wrong. */
  problem = "not opened yet";
  /** What its last opening told. */
  info: PartitionInfo | undefined;
  readonly #options: ReplicaOptions;
  #probeDelayMs = probeDelayMsMin;
  #cancelProbe: (() => void) | undefined;
  #isClosed = false;

  constructor(partition: Partition, displayUrl: string, options: ReplicaOptions) {
    this.name = partition.name;
    this.partition = partition;
    this.displayUrl = displayUrl;
    this.#options = options;
  }

  get isSteady(): boolean {
    return this.state === "steady";
  }

  get isReachable(): boolean {
    return this.state !== "away";
  }

  /** Opens the partition and brings it up to date; when that fails, goes on trying in the background. */
  async connect(): Promise<void> {
    try {
      const info = await this.partition.open();
      this.#options.accept(info);
      this.info = info;
      this.state = "catching_up";
      await this.#options.catchUp(this);
      // It may have been lost again meanwhile.
      if (this.state !== "catching_up" || this.#isClosed) return;
    } catch (error) {
      this.#lose(error);
      return;
    }
    this.state = "steady";
    this.problem = "";
    this.#probeDelayMs = probeDelayMsMin;
    this.#options.log.info({ partition: this.name, engine: this.info.engine }, "partition is steady");
    this.#options.onSteady(this);
  }

  /** Runs `work` on the partition, takes its time, and notices when the partition is gone. */
  async use<T>(work: (partition: Partition) => Promise<T>): Promise<T> {
    const started = this.#options.runtime.elapsed();
    try {
      const result = await work(this.partition);
      this.latency.add(this.#options.runtime.elapsed() - started);
      return result;
    } catch (error) {
      if (isLoss(error)) this.#lose(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.state = "away";
    this.problem = "closed";
    this.#cancelProbe?.();
    await this.partition.close();
  }

  #lose(error: unknown): void {
    if (this.#isClosed) return;
    const wasAway = this.state === "away";
    const problem = error instanceof PartitionError ? error.reason : String(error);
    const isNews = !wasAway || this.problem !== problem;
    this.state = "away";
    this.problem = problem;
    if (isNews) this.#options.log.warn({ partition: this.name, problem }, "partition is away");
    if (this.#cancelProbe === undefined) this.#probeLater();
  }

  #probeLater(): void {
    const delayMs = this.#probeDelayMs * (0.5 + this.#options.runtime.random());
    this.#probeDelayMs = Math.min(this.#probeDelayMs * 2, probeDelayMsMax);
    this.#cancelProbe = this.#options.runtime.after(delayMs, () => {
      this.#cancelProbe = undefined;
      void this.connect();
    });
  }
}

function isLoss(error: unknown): boolean {
  if (!(error instanceof PartitionError)) return false;
  return error.kind === "unreachable" || error.kind === "uninitialised" || error.kind === "refused";
}
