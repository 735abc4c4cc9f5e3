import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import {
  type DigestRange,
  type DigestSlice,
  type Filling,
  type Hint,
  type HintScope,
  type Identity,
  type KeyVersion,
  type Large,
  type Owed,
  type OwedHint,
  type Partition,
  PartitionError,
  type PartitionInfo,
  type Progress,
  type PurgedSlice,
  type RecalledRequest,
  type Receiving,
  type RequestPosition,
  type ScanPage,
  type ScanRange,
  type ScrubbedSlice,
  type StoredRequest,
  type StoredTopology,
  type Write,
  type WriteOutcome,
} from "../../partition.ts";
import type { Record } from "../../record.ts";
import type { Token } from "../../token.ts";
import type { Topology } from "../../topology/topology.ts";
import type { Version } from "../../version.ts";
import {
  type Answer,
  type Call,
  moved,
  receivedApplied,
  type SentApplied,
  type SentError,
  sentWrites,
  type ThreadOptions,
} from "./sqlite-messages.ts";
import { SqliteReader } from "./sqlite-reader.ts";

/**
 * A SQLite file as a partition. Writes, scans and reads of large values run on a thread of their own, so that an fsync, a
 * checkpoint or a copy never stops the event loop; other single records are read on the calling thread, which takes some
 * microseconds.
 */
export class SqlitePartition implements Partition {
  readonly name: string;
  readonly #file: string;
  readonly #calls = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #thread: Worker | undefined;
  #reader: SqliteReader | undefined;
  #callCount = 0;
  #isClosed = false;

  constructor(name: string, file: string) {
    this.name = name;
    this.#file = file;
  }

  async open(): Promise<PartitionInfo> {
    this.#isClosed = false;
    this.#makeFolder();
    const info = (await this.#call("open")) as PartitionInfo;
    this.#reader ??= new SqliteReader(this.name, this.#file);
    return info;
  }

  async initialise(identity: Identity, isJoining?: boolean): Promise<void> {
    this.#isClosed = false;
    this.#makeFolder();
    await this.#call("initialise", identity, isJoining);
  }

  readNow(key: string, isArriving = false): Record | Large | undefined {
    if (this.#reader === undefined) throw new PartitionError("overloaded", this.name, "it is not open yet");
    return isArriving ? this.#reader.readShared(key) : this.#reader.read(key);
  }

  read(keys: readonly string[]): Promise<(Record | undefined)[]> {
    return this.#call("read", keys) as Promise<(Record | undefined)[]>;
  }

  readSmall(keys: readonly string[]): Promise<(Record | Large | undefined)[]> {
    return this.#call("readSmall", keys) as Promise<(Record | Large | undefined)[]>;
  }

  async write(writes: readonly Write[]): Promise<WriteOutcome[]> {
    const sent = sentWrites(writes);
    const answer = (await this.#send("write", [sent], moved(sent))) as WriteOutcome[] | SentApplied;
    const outcomes = Array.isArray(answer) ? answer : receivedApplied(answer);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.kind !== "failed") continue;
      outcomes[index] = { kind: "failed", error: this.#receivedError(outcome.error as SentError) as PartitionError };
    }
    return outcomes;
  }

  apply(records: readonly Record[], receiving?: Receiving): Promise<number> {
    return this.#call("apply", records, receiving) as Promise<number>;
  }

  recall(key: string, requestId: string): Promise<RecalledRequest | undefined> {
    return this.#call("recall", key, requestId) as Promise<RecalledRequest | undefined>;
  }

  scan(range: ScanRange): Promise<ScanPage> {
    return this.#call("scan", range) as Promise<ScanPage>;
  }

  hints(target: string, after: string, limit: number, only?: HintScope): Promise<OwedHint[]> {
    return this.#call("hints", target, after, limit, only) as Promise<OwedHint[]>;
  }

  settle(hints: readonly Hint[]): Promise<void> {
    return this.#call("settle", hints) as Promise<void>;
  }

  owed(): Promise<Owed[]> {
    return this.#call("owed") as Promise<Owed[]>;
  }

  async time(): Promise<number | undefined> {
    return undefined;
  }

  progress(): Promise<Progress> {
    return this.#call("progress") as Promise<Progress>;
  }

  raise(progress: Partial<Progress>): Promise<boolean> {
    return this.#call("raise", progress) as Promise<boolean>;
  }

  digest(range: DigestRange): Promise<DigestSlice> {
    return this.#call("digest", range) as Promise<DigestSlice>;
  }

  versions(bucket: number): Promise<KeyVersion[]> {
    return this.#call("versions", bucket) as Promise<KeyVersion[]>;
  }

  scrub(after: string, rowsMax: number): Promise<ScrubbedSlice> {
    return this.#call("scrub", after, rowsMax) as Promise<ScrubbedSlice>;
  }

  restore(records: readonly Record[]): Promise<void> {
    return this.#call("restore", records) as Promise<void>;
  }

  remove(records: readonly { key: string; version: Version }[], epoch?: number): Promise<number> {
    return this.#call("remove", records, epoch) as Promise<number>;
  }

  purge(after: string, rowsMax: number): Promise<PurgedSlice> {
    return this.#call("purge", after, rowsMax) as Promise<PurgedSlice>;
  }

  forgetRequests(before: number, limit: number): Promise<number> {
    return this.#call("forgetRequests", before, limit) as Promise<number>;
  }

  requests(after: RequestPosition, limit: number): Promise<StoredRequest[]> {
    return this.#call("requests", after, limit) as Promise<StoredRequest[]>;
  }

  keepRequests(requests: readonly StoredRequest[]): Promise<void> {
    return this.#call("keepRequests", requests) as Promise<void>;
  }

  topology(): Promise<StoredTopology> {
    return this.#call("topology") as Promise<StoredTopology>;
  }

  promise(ballot: string): Promise<StoredTopology> {
    return this.#call("promise", ballot) as Promise<StoredTopology>;
  }

  accept(ballot: string, topology: Topology): Promise<boolean> {
    return this.#call("accept", ballot, topology) as Promise<boolean>;
  }

  adopt(topology: Topology): Promise<StoredTopology> {
    return this.#call("adopt", topology) as Promise<StoredTopology>;
  }

  filling(now: number, mine?: Filling): Promise<Filling | undefined> {
    return this.#call("filling", now, mine) as Promise<Filling | undefined>;
  }

  tokens(): Promise<Token[]> {
    return this.#call("tokens") as Promise<Token[]>;
  }

  keepTokens(tokens: readonly Token[]): Promise<void> {
    return this.#call("keepTokens", tokens) as Promise<void>;
  }

  async close(): Promise<void> {
    const thread = this.#thread;
    if (thread === undefined || this.#isClosed) return;
    this.#reader?.close();
    this.#reader = undefined;
    // The last connection to close moves everything into the file, so that it can be copied.
    const closed = this.#call("close");
    // Whoever still calls must not start another thread, which would outlive everything.
    this.#isClosed = true;
    await closed;
    this.#thread = undefined;
    await thread.terminate();
  }

  // --- Internal helpers ---

  #makeFolder(): void {
    try {
      mkdirSync(dirname(this.#file), { recursive: true });
    } catch (error) {
      const message = `the folder ${dirname(this.#file)} cannot be created; choose a writable one`;
      throw new PartitionError("refused", this.name, message, { cause: error });
    }
  }

  #call(method: Call["method"], ...parameters: unknown[]): Promise<unknown> {
    return this.#send(method, parameters, []);
  }

  #send(method: Call["method"], parameters: unknown[], moved: ArrayBuffer[]): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new PartitionError("unreachable", this.name, "it is closed"));
    this.#thread ??= this.#startThread();
    const id = this.#callCount++;
    const call: Call = { id, method, parameters };
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#thread?.postMessage(call, moved);
    });
  }

  #startThread(): Worker {
    const workerData: ThreadOptions = { name: this.name, file: this.#file };
    const module = import.meta.url.endsWith(".ts") ? "./sqlite-thread.ts" : "./sqlite-thread.js";
    const thread = new Worker(new URL(module, import.meta.url), { workerData });
    thread.unref();
    thread.on("message", ({ id, result, error }: Answer) => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      // Whoever learns of a write reads it.
      this.#reader?.endShared();
      if (error === undefined) call?.resolve(result);
      else call?.reject(this.#receivedError(error));
    });
    thread.on("error", (error) => this.#lose(thread, error as Error));
    thread.on("exit", () => this.#lose(thread, new Error("the thread ended")));
    return thread;
  }

  /** A lost thread is replaced at the next call; what it was doing may or may not have been committed. */
  #lose(thread: Worker, cause: Error): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    for (const call of this.#calls.values()) {
      const options = { cause, outcome: "unknown" } as const;
      call.reject(new PartitionError("unreachable", this.name, "its thread was lost", options));
    }
    this.#calls.clear();
  }

  #receivedError({ kind, outcome, reason, attempted }: SentError): Error {
    if (kind === undefined) return new Error(reason);
    return new PartitionError(kind, this.name, reason, { outcome, attempted });
  }
}
