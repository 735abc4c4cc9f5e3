import type { HybridClock } from "./clock.ts";
import { type ClockToken, isFreshEnough, knownVersion, withWrite } from "./clock-token.ts";
import { conditionHolds } from "./condition.ts";
import { StoreError } from "./errors.ts";
import { checkKey } from "./key.ts";
import { isLarge, type Large, PartitionError, type Write, type WriteOutcome } from "./partition.ts";
import { isLive, type Record, tombstone } from "./record.ts";
import type { ClockFence } from "./replicas/clock-fence.ts";
import { concernCount, type ReadConcern } from "./replicas/concern.ts";
import { hashBucket, keyHash } from "./replicas/hash.ts";
import { listPage } from "./replicas/listing.ts";
import type { Replica } from "./replicas/replica.ts";
import { noReplica, type ReplicaSet, storeError } from "./replicas/replica-set.ts";
import { type Runtime, sleep } from "./runtime.ts";
import { storeStatus, unreachableBuckets } from "./status.ts";
import type {
  Change,
  ListPage,
  ListRange,
  NewContent,
  ReadOptions,
  ReplicaRecord,
  StoreStatus,
  WriteOptions,
  WriteResult,
} from "./store-types.ts";
import type { Handoff } from "./sync/handoff.ts";
import type { SyncLoop } from "./sync/loop.ts";
import type { Tokens } from "./tokens.ts";
import type { Topologies } from "./topology/topologies.ts";
import type { WeightNotes } from "./topology/weight-notes.ts";
import { compareVersions, formatVersion, newWriterId, stampAt, type Version } from "./version.ts";

export interface StoreOptions {
  readonly cluster: () => string;
  readonly replicas: ReplicaSet;
  readonly handoff: Handoff;
  readonly loop: SyncLoop;
  readonly fence: ClockFence;
  readonly tokens: Tokens;
  readonly topologies: Topologies;
  readonly weightNotes: WeightNotes;
  readonly clock: HybridClock;
  readonly runtime: Runtime;
  /** The id of this process. */
  readonly writer: number;
  /** Whether another replica takes plain writes while a key's home is away. */
  readonly standIn: boolean;
  /** How long a write whose outcome is not known is followed up, and replicas are waited for. */
  readonly requestTimeoutMs: number;
  /** Closes all partitions. */
  readonly closePartitions: () => Promise<void>;
}

/** How often an update is tried again because another writer came between. */
const updateAttemptsMax = 20;
const retryDelayMs = 25;
/** How long a write waits for a key's new home to be ready. */
const homeWaitMs = 1000;
/** How far a client's clock token may be ahead for writes to follow it. */
const clockLeadMaxMs = 24 * 3_600_000;
/** How long a read waits for a version as new as the client's clock token, and how often it looks. */
const freshWaitMs = 500;
const freshIntervalMs = 25;

/**
 * The store: start reading here. It finds a key's replicas, has the home decide a write (or a stand-in, when the
 * home is away), spreads what was decided, and reads from whoever serves the key now. It keeps no data.
 */
export class Store {
  readonly #options: StoreOptions;
  readonly #replicas: ReplicaSet;
  readonly #clock: HybridClock;
  #unknownOutcomes = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#replicas = options.replicas;
    this.#clock = options.clock;
  }

  /**
   * The live record of `key`, `undefined` when there is none.
   *
   * By default the home answers, or the next replica while the home is away or catching up. With `clock`, never
   * with less than the client knows of.
   *
   * @throws StoreError `no_replica`, `not_fresh_enough`, `overloaded`.
   */
  async get(key: string, options: ReadOptions = {}): Promise<Record | undefined> {
    checkKey(key);
    const hash = keyHash(key);
    const bucket = hashBucket(hash);
    const known = knownVersion(options.clock, hash);
    let record =
      options.readConcern === undefined || options.readConcern === "home"
        ? await this.#readServing(bucket, key)
        : await this.#readSeveral(bucket, key, options.readConcern);
    if (!isFreshEnough(known, record?.version)) record = await this.#readFresh(bucket, key, known, options.waitMs);
    return this.#ifLive(record);
  }

  /**
   * As `get`, but without a promise where the partition that serves the key reads at once: then the event loop is
   * not entered again for it. Only for a request whose bytes the event loop delivers just now, because all such
   * reads of one turn of the loop may see the partition as the first of them saw it.
   */
  getArriving(key: string, options: ReadOptions = {}): Record | undefined | Promise<Record | undefined> {
    if (options.clock === undefined && options.readConcern === undefined) {
      checkKey(key);
      const replica = this.#replicas.serving(this.#replicas.bucketOf(key));
      if (replica !== undefined) {
        const found = this.#readNow(replica, key, true);
        if (found !== "unknown" && !isLarge(found) && this.#isConfirmed(replica)) return this.#ifLive(found);
      }
    }
    return this.get(key, options);
  }

  /**
   * Stores `content` under `key`, replacing everything that was there.
   *
   * Once it resolves, `writeConcern` replicas have the record on disk, and the hints that carry it to the others
   * were committed in the same transaction: a crash right after loses neither.
   *
   * @throws StoreError `precondition_failed`, `request_reused`, `home_unavailable`, `no_replica`,
   *   `write_concern_unmet` (stored, and spreading), `outcome_unknown`, `overloaded`, `storage_full`.
   */
  put(key: string, content: NewContent, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#write(key, { ...content, isTombstone: false }, options);
  }

  /** Deletes `key` by storing a tombstone, also when nothing was there. Durability and errors as for `put`. */
  delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#write(key, tombstone, options);
  }

  /**
   * Replaces the content of `key` by what `change` makes of it, atomically: no other write comes between.
   *
   * @throws StoreError as for `put`, `not_found`, and whatever `change` throws.
   */
  async update(key: string, change: Change, options: WriteOptions = {}): Promise<WriteResult> {
    checkKey(key);
    const bucket = hashBucket(keyHash(key));
    for (let attempt = 0; attempt < updateAttemptsMax; attempt++) {
      if (this.#isHomeChanging(bucket, false)) await this.#untilHomeIsReady(bucket);
      const home = this.#replicas.home(bucket);
      const { epoch } = this.#replicas;
      if (!this.#isHomeCertain(home, bucket)) throw homeUnavailable(home);
      const replay = options.request && (await this.#recall(home, key, options));
      if (replay !== undefined) return replay;
      const [found] = await home.use((partition) => partition.read([key])).catch(rethrow);
      const current = found !== undefined && isLive(found, this.#options.runtime.now()) ? found : undefined;
      const holds = options.condition === undefined || conditionHolds(options.condition, current?.version);
      if (current === undefined || !holds) {
        // A write is refused by a partition that is not the home any more, but it answers whoever reads.
        if (!(await this.#options.topologies.confirm(home, epoch).catch(rethrow))) continue;
        if (!holds) throw preconditionFailed(current?.version);
        throw new StoreError("not_found", "there is nothing to change under this key");
      }
      const condition = { ifMatch: [formatVersion(current.version)] };
      try {
        return await this.put(key, change(current), { ...options, condition });
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== "precondition_failed") throw error;
        await sleep(this.#options.runtime, this.#options.runtime.random() * attempt);
      }
    }
    throw new StoreError("overloaded", `${updateAttemptsMax} other writes of the key came between; try again`);
  }

  /**
   * A page of the keys that a GET would find, in the order of their bytes.
   *
   * @throws StoreError `no_replica`, `overloaded`.
   */
  async list(range: ListRange): Promise<ListPage> {
    // Every loss of a partition takes it out of the next attempt, so this ends.
    for (let attempt = 0; ; attempt++) {
      const { epoch } = this.#replicas;
      try {
        const page = await listPage(this.#replicas, range, this.#options.runtime.now());
        if (await this.#areCurrent(this.#replicas.replicas, epoch)) return page;
        if (attempt >= this.#replicas.replicas.length) throw noReplica(this.#replicas.replicas);
      } catch (error) {
        const isLoss = error instanceof PartitionError && error.kind === "unreachable";
        if (!isLoss || attempt >= this.#replicas.replicas.length) throw storeError(error);
      }
    }
  }

  status(): Promise<StoreStatus> {
    return storeStatus({ ...this.#options, unknownOutcomes: this.#unknownOutcomes });
  }

  /** What each replica of `key` holds, home first; `undefined` for one that cannot be asked. */
  replicasOf(key: string): Promise<ReplicaRecord[]> {
    checkKey(key);
    const replicas = this.#replicas.of(hashBucket(keyHash(key)));
    return Promise.all(
      replicas.map(async (replica) => {
        const { name } = replica;
        if (!replica.isReachable) return { partition: name, state: replica.state, record: undefined };
        const found = await replica.use((partition) => partition.read([key])).catch(() => undefined);
        return {
          partition: name,
          state: replica.state,
          record: found === undefined ? undefined : (found[0] ?? "absent"),
        };
      }),
    );
  }

  /** The synchronisation, for the command line. */
  get sync(): SyncLoop {
    return this.#options.loop;
  }

  /** Which partitions the store has, and how that is changed. */
  get topology(): Topologies {
    return this.#options.topologies;
  }

  /** Who may use the store. */
  get tokens(): Tokens {
    return this.#options.tokens;
  }

  /** What is missing for every key to be served: one sentence each, none when it is ready. */
  readiness(): readonly string[] {
    return unreachableBuckets(this.#replicas);
  }

  /** The largest value that every partition known so far can take, in bytes. */
  get valueBytesMax(): number {
    return Math.min(...this.#replicas.replicas.map(({ info }) => info?.valueBytesMax ?? Number.POSITIVE_INFINITY));
  }

  async close(): Promise<void> {
    this.#options.tokens.stop();
    await this.#options.loop.stop();
    await this.#options.closePartitions();
  }

  // --- Reading ---

  #ifLive(record: Record | undefined): Record | undefined {
    if (record === undefined) return undefined;
    this.#clock.observe(record.version.stamp);
    return isLive(record, this.#options.runtime.now()) ? record : undefined;
  }

  /** Asks the replica that serves `bucket`, and the next one when that turns out to be gone, or to hold it no longer. */
  async #readServing(bucket: number, key: string): Promise<Record | undefined> {
    for (;;) {
      const { epoch } = this.#replicas;
      const replica = this.#replicas.serving(bucket);
      if (replica === undefined) throw noReplica(this.#replicas.of(bucket));
      try {
        const found = this.#readNow(replica, key);
        const record = found === "unknown" || isLarge(found) ? await this.#readLater(replica, key, found) : found;
        if (this.#isConfirmed(replica) || (await this.#options.topologies.confirm(replica, epoch))) return record;
      } catch (error) {
        // A replica that was lost is not served from any more, so this ends.
        if (replica.isSteady || !(error instanceof PartitionError)) throw storeError(error);
      }
    }
  }

  /** `"unknown"` when it has to be asked in the ordinary way, which finds out what is wrong. */
  #readNow({ partition }: Replica, key: string, isArriving?: boolean): Record | Large | "unknown" | undefined {
    if (partition.readNow === undefined) return "unknown";
    try {
      return partition.readNow(key, isArriving);
    } catch (error) {
      if (error instanceof PartitionError) return "unknown";
      throw error;
    }
  }

  #readLater(replica: Replica, key: string, found: Large | "unknown"): Promise<Record | undefined> {
    if (found === "unknown" || replica.partition.readLarge === undefined) return readOf(replica, key);
    return replica.use((partition) => partition.readLarge!(key, found));
  }

  /** A front end that was stopped for long may not know yet who holds what. */
  #isConfirmed(replica: Replica): boolean {
    return this.#options.runtime.elapsed() <= replica.confirmedUntil;
  }

  /** Whether what was read of `replicas`, by the topology of `epoch`, may be given on. */
  async #areCurrent(replicas: readonly Replica[], epoch: number): Promise<boolean> {
    const { topologies } = this.#options;
    const late = replicas.filter((replica) => replica.isSteady && !this.#isConfirmed(replica));
    return (await Promise.all(late.map((replica) => topologies.confirm(replica, epoch)))).every(
      (isCurrent) => isCurrent,
    );
  }

  /** The greatest of as many replicas' records as `concern` says; those that had an older one are given it in the background. */
  async #readSeveral(bucket: number, key: string, concern: ReadConcern): Promise<Record | undefined> {
    const count = concernCount(concern, this.#replicas.of(bucket).length);
    const { epoch } = this.#replicas;
    const answers: { replica: Replica; record: Record | undefined }[] = [];
    const candidates = this.#replicas.of(bucket).filter((replica) => replica.isReachable);
    while (answers.length < count && candidates.length > 0) {
      const asked = candidates.splice(0, count - answers.length);
      const results = await Promise.allSettled(
        asked.map(async (replica) => ({ replica, record: await readOf(replica, key) })),
      );
      answers.push(...results.filter((result) => result.status === "fulfilled").map((result) => result.value));
    }
    if (answers.length < count) throw tooFew(answers.length, count, this.#replicas.of(bucket));
    const areCurrent = await this.#areCurrent(
      answers.map(({ replica }) => replica),
      epoch,
    ).catch(rethrow);
    if (!areCurrent) return this.#readSeveral(bucket, key, concern);
    const greatest = newest(answers.map((answer) => answer.record));
    if (greatest !== undefined) {
      for (const { replica, record } of answers) {
        if (record !== undefined && compareVersions(record.version, greatest.version) === 0) continue;
        replica.use((partition) => partition.apply([greatest])).catch(() => undefined);
      }
    }
    return greatest;
  }

  /** Asks every replica for something as new as `known`, again and again until the time is over. */
  async #readFresh(
    bucket: number,
    key: string,
    known: Version | undefined,
    waitMs = freshWaitMs,
  ): Promise<Record | undefined> {
    const { runtime } = this.#options;
    const deadline = runtime.elapsed() + waitMs;
    for (;;) {
      const { epoch } = this.#replicas;
      const asked = this.#replicas.of(bucket).filter((replica) => replica.isReachable);
      const answers = asked.map(async (replica) => {
        const record = await readOf(replica, key);
        if (isFreshEnough(known, record?.version)) return { record };
        if (!(await this.#areCurrent([replica], epoch)))
          throw new PartitionError("rejected", replica.name, "it was replaced");
        if (record === undefined && (await hasForgotten(replica, key, known))) return { record };
        throw new PartitionError("rejected", replica.name, "its version is older");
      });
      // The first that has it answers: none is waited for behind one that hangs.
      const answer = await Promise.any(answers).catch(() => undefined);
      if (answer !== undefined) return answer.record;
      const leftMs = deadline - runtime.elapsed();
      if (leftMs <= 0) break;
      await sleep(runtime, Math.min(freshIntervalMs, leftMs));
    }
    throw new StoreError(
      "not_fresh_enough",
      "no replica that can be reached has the version that Kvasir-Clock names yet",
    );
  }

  // --- Writing ---

  async #write(key: string, content: Write["content"], options: WriteOptions): Promise<WriteResult> {
    checkKey(key);
    const hash = keyHash(key);
    const bucket = hashBucket(hash);
    const replicas = this.#replicas.of(bucket);
    const needed = concernCount(options.writeConcern ?? 1, replicas.length);
    checkConcern(needed, replicas);
    checkClock(this.#options.fence);
    const { outcome, taker } = await this.#decide(this.#newWrite(key, content, options), bucket).catch(
      (error: unknown) => {
        if (error instanceof StoreError && error.code === "outcome_unknown") this.#unknownOutcomes++;
        throw error;
      },
    );
    if (outcome.kind !== "applied" && outcome.kind !== "replayed") throw refusal(outcome);
    this.#clock.observe(outcome.version.stamp);

    const { version } = outcome;
    const isReplay = outcome.kind === "replayed";
    let confirmed = 1;
    if (!isReplay) {
      taker.noteWritten({ key, version });
      const record = { ...content, key, version };
      const { handoff } = this.#options;
      const pushes: Promise<boolean>[] = [];
      for (const replica of this.#replicas.owners(bucket)) {
        if (replica === taker) continue;
        // Those that gain the key, or are about to lose it, confirm nothing.
        if (needed > 1 && replicas.includes(replica)) pushes.push(handoff.push(taker, replica, record));
        else handoff.pushLater(taker, replica, record);
      }
      if (needed > 1) confirmed += await this.#confirmations(pushes, needed - 1, options.waitMs);
      if (confirmed < needed) throw concernUnmet(confirmed, needed, version);
    }
    return {
      version,
      existed: outcome.existed,
      confirmed,
      replicas: replicas.length,
      clock: withWrite(options.clock, hash, version),
      isReplay,
    };
  }

  #newWrite(key: string, content: Write["content"], { clock, condition, request }: WriteOptions): PendingWrite {
    if (clock !== undefined) this.#clock.observe(clock.stamp);
    const stamp = atLeast(this.#clock.tick(), clock);
    const now = this.#options.runtime.now();
    const write = { key, content, stamp, now };
    return { ...write, ...(condition && { condition }), ...(request && { request }) };
  }

  /**
   * Has the home decide the write; or the next replica that is steady, when the home is away and the write has
   * neither condition nor request id. When the answer to a COMMIT is lost, the write is sent again as what it
   * would have become: it is then applied once, wherever it arrives.
   */
  async #decide(write: PendingWrite, bucket: number): Promise<{ outcome: DecidedOutcome; taker: Replica }> {
    const { runtime, requestTimeoutMs, topologies } = this.#options;
    const isHomeOnly = write.condition !== undefined || write.request !== undefined || !this.#options.standIn;
    const deadline = runtime.elapsed() + requestTimeoutMs;
    let attempted: Attempt | undefined;
    let wasStandIn = false;
    let isOutdated = false;
    for (;;) {
      if (this.#isHomeChanging(bucket, !isHomeOnly)) await this.#untilHomeIsReady(bucket, !isHomeOnly);
      const replicas = this.#replicas.of(bucket);
      const home = replicas[0]!;
      const taker = isHomeOnly
        ? this.#isHomeCertain(home, bucket)
          ? home
          : undefined
        : replicas.find(
            (replica) => replica.isSteady && (replica !== home || this.#replicas.isHomeReady(bucket, true)),
          );
      if (!taker?.isSteady || runtime.elapsed() > deadline) {
        if (attempted === undefined) throw isHomeOnly ? homeUnavailable(home) : noReplica(replicas);
        if (runtime.elapsed() > deadline) throw outcomeUnknown(attempted.version);
        await sleep(runtime, retryDelayMs);
        continue;
      }
      const owners = this.#replicas.owners(bucket);
      const owed = owners.filter((replica) => replica !== taker).map((replica) => replica.name);
      const repeat = attempted && { attempted: attempted.version };
      const { epoch } = this.#replicas;
      const standIn = taker !== home;
      const sent: Write = { ...write, writer: newWriterId(runtime.random), owed, standIn, epoch, ...repeat };
      wasStandIn ||= taker !== home;
      try {
        const [outcome] = await taker.use((partition) => partition.write([sent]));
        if (outcome!.kind === "outdated") {
          if (isOutdated) await sleep(runtime, retryDelayMs);
          isOutdated = true;
          await topologies.refresh();
          continue;
        }
        if (taker !== home) this.#options.handoff.noteStandIn(taker, home);
        return { outcome: answered(outcome!, taker === home, attempted), taker };
      } catch (error) {
        if (!(error instanceof PartitionError)) throw error;
        if (error.outcome === "unknown") {
          if (taker !== home) this.#options.handoff.noteStandIn(taker, home);
          const [lost] = error.attempted;
          if (lost === undefined) throw outcomeUnknown(attempted?.version);
          // What was not applied is decided anew: it may have been judged by a write that was lost with it.
          if (lost.kind === "applied")
            attempted = { version: lost.version, existed: wasStandIn ? undefined : lost.existed };
        } else if (taker.isSteady) {
          throw attempted === undefined ? storeError(error) : outcomeUnknown(attempted.version);
        }
      }
    }
  }

  /** Whether it may decide conditional writes: nothing that was decided elsewhere is still out of its reach. */
  #isHomeCertain(home: Replica, bucket: number): boolean {
    return home.isSteady && this.#options.handoff.hasAll(home) && this.#replicas.isHomeReady(bucket);
  }

  /** Whether a change of the topology keeps the home from deciding just now. */
  #isHomeChanging(bucket: number, isPlain: boolean): boolean {
    if (!this.#replicas.isHomeReady(bucket, isPlain)) return true;
    return !isPlain && this.#replicas.isSwitching && !this.#options.handoff.hasAll(this.#replicas.home(bucket));
  }

  /** A key that changes its home waits a moment for the new one, which mostly takes less than anybody notices. */
  async #untilHomeIsReady(bucket: number, isPlain = false): Promise<void> {
    const { runtime } = this.#options;
    const deadline = runtime.elapsed() + homeWaitMs;
    while (this.#isHomeChanging(bucket, isPlain) && runtime.elapsed() < deadline) await sleep(runtime, retryDelayMs);
  }

  /** How many of `pushes` succeed, as soon as `enough` have, none can any more, or the time is over. */
  #confirmations(
    pushes: readonly Promise<boolean>[],
    enough: number,
    waitMs = this.#options.requestTimeoutMs,
  ): Promise<number> {
    return new Promise((resolve) => {
      let confirmed = 0;
      let open = pushes.length;
      const cancel = this.#options.runtime.after(waitMs, () => resolve(confirmed));
      for (const push of pushes) {
        void push.then((isConfirmed) => {
          open--;
          if (isConfirmed) confirmed++;
          if (confirmed < enough && open > 0) return;
          cancel();
          resolve(confirmed);
        });
      }
    });
  }

  /** What an earlier update with the same request id did, if it was applied. */
  async #recall(home: Replica, key: string, { request, clock }: WriteOptions): Promise<WriteResult | undefined> {
    if (request === undefined) return undefined;
    const recalled = await home.use((partition) => partition.recall(key, request.id)).catch(rethrow);
    if (recalled === undefined) return undefined;
    if (recalled.digest !== request.digest) throw refusal({ kind: "request_reused" });
    const { version, existed } = recalled;
    const result = { version, existed, confirmed: 1, replicas: this.#replicas.perKey, isReplay: true };
    return { ...result, clock: withWrite(clock, keyHash(key), version) };
  }
}

// --- Internal helpers ---

type PendingWrite = Omit<Write, "owed" | "standIn" | "epoch" | "attempted" | "writer">;
type AppliedOutcome = Extract<WriteOutcome, { kind: "applied" }>;
/** A write whose answer was lost. Whether the key existed is known when its home alone was ever asked. */
type Attempt = Omit<AppliedOutcome, "kind" | "existed"> & { readonly existed: boolean | undefined };
type DecidedOutcome =
  | Exclude<WriteOutcome, { kind: "applied" | "found" | "unknown" | "outdated" }>
  | (Attempt & { readonly kind: "applied" });

/** @throws StoreError `outcome_unknown`. */
function answered(
  outcome: Exclude<WriteOutcome, { kind: "outdated" }>,
  isHome: boolean,
  attempted: Attempt | undefined,
): DecidedOutcome {
  if (outcome.kind === "unknown") throw outcomeUnknown(attempted?.version);
  if (outcome.kind === "found") return { kind: "applied", version: outcome.version, existed: attempted?.existed };
  // A stand-in cannot know whether the key existed.
  return isHome || outcome.kind !== "applied" ? outcome : { ...outcome, existed: undefined };
}

/**
 * Above the client's stamp too, also where that came from a front end whose clock is wrong. Not from far in the future:
 * whoever may write one key could otherwise give it a version that nothing ever exceeds, or that fits no partition.
 */
function atLeast(stamp: bigint, clock: ClockToken | undefined): bigint {
  const isFollowed = clock !== undefined && clock.stamp >= stamp && clock.stamp < stamp + stampAt(clockLeadMaxMs);
  return isFollowed ? clock.stamp + 1n : stamp;
}

async function readOf(replica: Replica, key: string): Promise<Record | undefined> {
  const [record] = await replica.use((partition) => partition.read([key]));
  return record;
}

/** Whether what the client knows of was purged: the floor is read before the record is missed. */
async function hasForgotten(replica: Replica, key: string, known: Version | undefined): Promise<boolean> {
  if (known === undefined || !replica.isSteady) return false;
  const { floor } = await replica.use((partition) => partition.progress());
  if (floor < known.stamp) return false;
  return (await readOf(replica, key)) === undefined;
}

function newest(records: readonly (Record | undefined)[]): Record | undefined {
  let greatest: Record | undefined;
  for (const record of records) {
    if (record === undefined) continue;
    if (greatest === undefined || compareVersions(record.version, greatest.version) > 0) greatest = record;
  }
  return greatest;
}

function checkConcern(needed: number, replicas: readonly Replica[]): void {
  if (needed > replicas.length) {
    throw new StoreError(
      "invalid_query",
      `w=${needed} asks for more replicas than the ${replicas.length} that a key has`,
    );
  }
  const reachable = replicas.filter((replica) => replica.isReachable).length;
  if (needed > 1 && reachable < needed) {
    const message = `w=${needed} cannot be met: ${reachable} of ${replicas.length} replicas can be reached; nothing was written`;
    throw new StoreError("no_replica", message);
  }
}

function tooFew(answered: number, asked: number, replicas: readonly Replica[]): StoreError {
  const away = replicas.filter((replica) => !replica.isReachable).map(({ name, problem }) => `${name}: ${problem}`);
  const message = `${asked} replicas are asked for, and ${answered} of ${replicas.length} answered (${away.join("; ")})`;
  return new StoreError("no_replica", `${message}; ask for fewer with r=quorum or r=home, or try again`);
}

function checkClock({ isShut, skewMs = 0 }: ClockFence): void {
  if (!isShut) return;
  const message = `this front end's clock is ${Math.round(skewMs)} ms off the database servers'; nothing was written`;
  throw new StoreError("clock_skewed", message);
}

function homeUnavailable(home: Replica): StoreError {
  const why = home.problem || (home.isSteady ? "a write that another took for it is out of reach" : home.state);
  const message = `only the key's home, partition ${home.name}, may decide this, and it cannot now (${why}); try again`;
  return new StoreError("home_unavailable", message);
}

function preconditionFailed(current: Version | undefined): StoreError {
  if (current === undefined) return new StoreError("precondition_failed", "there is nothing stored under this key");
  const version = formatVersion(current);
  const message = `the stored version is ${version}, which the precondition rules out`;
  return new StoreError("precondition_failed", message, { details: { version } });
}

function refusal(outcome: Exclude<DecidedOutcome, { kind: "applied" | "replayed" }>): unknown {
  if (outcome.kind === "condition_failed") return preconditionFailed(outcome.current);
  if (outcome.kind === "failed") return storeError(outcome.error);
  return new StoreError("request_reused", "this Idempotency-Key came with another payload before; choose a new one");
}

function outcomeUnknown(version: Version | undefined): StoreError {
  const message = "the connection was lost while the write was committed; read the key to see whether it was applied";
  const details = version === undefined ? {} : { version: formatVersion(version) };
  return new StoreError("outcome_unknown", message, { details });
}

function concernUnmet(confirmed: number, needed: number, version: Version): StoreError {
  const message = `the write is stored on ${confirmed} of the ${needed} replicas asked for, and will spread to all`;
  return new StoreError("write_concern_unmet", message, { details: { confirmed, version: formatVersion(version) } });
}

function rethrow(error: unknown): never {
  throw storeError(error);
}
