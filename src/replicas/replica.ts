import { type Partition, PartitionError, type PartitionInfo } from "../partition.ts";
import type { Record } from "../record.ts";
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
 * writes that stand-ins took, so it answers no request yet. `recovering`: it is new or was set back, and answers
 * none until anti-entropy has filled it. `steady`: in use.
 */
export type ReplicaState = "away" | "catching_up" | "recovering" | "steady";

export interface ReplicaOptions {
  readonly runtime: Runtime;
  readonly log: Log;
  /** Throws when the opened partition is not one of this store. */
  accept(info: PartitionInfo): void;
  /** Whether it is new or was set back, and has yet to receive what the others have. */
  isReceiving(replica: Replica): Promise<boolean>;
  /** Resolves when nothing that a stand-in took is owed to the replica any more. */
  catchUp(replica: Replica): Promise<void>;
  /** Called when it has become steady. */
  onSteady(replica: Replica): void;
}

/** A version of a key that a partition has on disk, or had. */
export type Witness = Pick<Record, "key" | "version">;

/** Writes are not answered in the order in which they were committed, so one alone would say less. */
const witnessesMax = 8;
/** How long what was read of a partition may be given on after its epoch was asked for. */
const leaseMs = 10_000;
/** What was found out about a partition so long ago is found out anew before it serves. */
const longWaitMs = 100;
const recoveringProblem = "it is new or was set back, and is being filled from the others";
const probeDelayMsMin = 50;
const probeDelayMsMax = 2000;
/** How often a recovering partition is asked whether it is complete by now: another process may see to it. */
const reconsiderDelayMs = 1000;

/**
 * A partition together with whether it can be used: a circuit breaker. The first call that finds it unreachable
 * opens the circuit for everybody, so that no second request waits for a timeout; probes in the background
 * close it again.
 */
export class Replica {
  readonly name: string;
  /** Without user and password; `""` while the configuration has no section for it. */
  displayUrl: string;
  readonly partition: Partition;
  readonly latency = new Latency();
  state: ReplicaState = "away";
  /** Why it is away, in a sentence; empty when nothing is wrong. */
  problem = "not opened yet";
  /** When (elapsed ms) and why it was found to be away last, also when it is back. */
  lastLoss: { readonly at: number; readonly problem: string } | undefined;
  /** What its last opening told. */
  info: PartitionInfo | undefined;
  /** Counts how often it was opened: a partition that was away in between may have been set back. */
  visit = 0;
  /** The greatest counter of passes that was ever seen on it: one that has less now was set back. */
  passSeen = 0;
  /** Until then (elapsed ms) it is known to hold what the topology of this program says that it holds. */
  confirmedUntil = 0;
  /** What it has confirmed to this process last: one that lacks it, or a newer version, was set back. */
  witnesses: Witness[] = [];
  readonly #options: ReplicaOptions;
  #probeDelayMs = probeDelayMsMin;
  #cancelProbe: (() => void) | undefined;
  #cancelReconsider: (() => void) | undefined;
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

  /** Whether it may hold what the others have purged, and lack what they have. */
  get isReceiving(): boolean {
    return this.state === "recovering";
  }

  /** Opens the partition and takes it into use; when that fails, goes on trying in the background. */
  async connect(): Promise<void> {
    await this.open();
    await this.admit();
  }

  /** The first half of `connect`: after it the others know of this one. */
  async open(): Promise<void> {
    const asked = this.#options.runtime.elapsed();
    try {
      const info = await this.partition.open();
      this.#options.accept(info);
      this.confirm(asked);
      this.info = info;
      this.visit++;
      this.state = "catching_up";
      this.problem = "";
    } catch (error) {
      this.#lose(error);
    }
  }

  /** The second half of `connect`: it is steady when it lacks nothing. Repeated while it recovers. */
  async admit(): Promise<void> {
    if (this.state === "away" || this.state === "steady" || this.#isClosed) return;
    const { visit } = this;
    const { runtime } = this.#options;
    try {
      const isReceiving = await this.#options.isReceiving(this);
      if (!this.isReachable || this.visit !== visit || this.#isClosed) return;
      if (isReceiving) return this.#recover();
      // Another call may have taken it into use meanwhile.
      if (this.isSteady) return;
      this.state = "catching_up";
      const began = runtime.elapsed();
      await this.#options.catchUp(this);
      // While others were waited for, it may have been set back without anybody asking it for anything.
      const hasWaited = runtime.elapsed() - began > longWaitMs;
      if (hasWaited && this.isReachable && (await this.#options.isReceiving(this))) return this.#recover();
    } catch (error) {
      return this.#lose(error);
    }
    // It may have been lost again meanwhile, and opened anew: then it has to catch up anew.
    if (this.state !== "catching_up" || this.visit !== visit || this.#isClosed) return;
    this.state = "steady";
    this.problem = "";
    this.#probeDelayMs = probeDelayMsMin;
    this.#options.log.info({ partition: this.name, engine: this.info?.engine }, "partition is steady");
    this.#options.onSteady(this);
  }

  /** Takes it out of use when it turns out to have been set back, and into use when it is complete. */
  async reconsider(): Promise<void> {
    if (this.state === "recovering") return this.admit();
    if (this.state !== "steady") return;
    try {
      if (await this.#options.isReceiving(this)) this.#recover();
    } catch (error) {
      this.#lose(error);
    }
  }

  /** Takes note of a record that it has on disk for certain. */
  noteWritten({ key, version }: Witness): void {
    this.witnesses.push({ key, version });
    if (this.witnesses.length > witnessesMax) this.witnesses.shift();
  }

  /** How far a pass over it has come, from 0 to 1, for people. */
  showFilling(part: number): void {
    if (this.isReceiving) this.problem = `${recoveringProblem}: ${Math.floor(part * 100)} % compared`;
  }

  /** At the time `asked` (elapsed ms) it had no newer topology than this program. */
  confirm(asked: number): void {
    this.confirmedUntil = Math.max(this.confirmedUntil, asked + leaseMs);
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
    this.#cancelReconsider?.();
    await this.partition.close();
  }

  #lose(error: unknown): void {
    if (this.#isClosed) return;
    const wasAway = this.state === "away";
    const problem = error instanceof PartitionError ? error.reason : String(error);
    const isNews = !wasAway || this.problem !== problem;
    this.state = "away";
    this.problem = problem;
    this.lastLoss = { at: this.#options.runtime.elapsed(), problem };
    if (isNews) this.#options.log.warn({ partition: this.name, problem }, "partition is away");
    if (this.#cancelProbe === undefined) this.#probeLater();
  }

  #recover(): void {
    if (this.state === "away" || this.#isClosed) return;
    if (this.state !== "recovering") {
      this.problem = recoveringProblem;
      this.#options.log.warn({ partition: this.name }, "partition is recovering");
    }
    this.state = "recovering";
    this.#cancelReconsider?.();
    this.#cancelReconsider = this.#options.runtime.after(reconsiderDelayMs, () => void this.reconsider());
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
