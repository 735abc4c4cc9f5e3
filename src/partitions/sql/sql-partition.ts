import { randomUUID } from "node:crypto";
import { compareKeys } from "../../key.ts";
import {
  type BucketDigest,
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
import { isLive, type Record, type ScannedRecord } from "../../record.ts";
import { bucketShift, keyHash } from "../../replicas/hash.ts";
import { decodeToken, encodeToken, type Token } from "../../token.ts";
import type { Topology } from "../../topology/topology.ts";
import { compareVersions, stampMax, type Version, versionTime } from "../../version.ts";
import { nextFilling } from "../filling.ts";
import { type Fingerprint, fingerprinter } from "../fingerprint.ts";
import { mayCount, mustBeReceiving, passName, progressOf, progressRows, raisedProgress } from "../progress.ts";
import {
  epochOfRows,
  fenceNames,
  storedTopologyOf,
  topologyNames,
  topologyRows,
  withAccepted,
  withAdopted,
  withPromise,
} from "../stored-topology.ts";
import { chunks, lengthMax, paddedChunks } from "./chunks.ts";
import type { Database, Row, Session } from "./database.ts";
import {
  hintOf,
  integer,
  keyVersionOf,
  largeBytes,
  recordOf,
  recordOrLargeOf,
  recordParameters,
  scannedRecordOf,
  text,
  textsOf,
  versionOf,
} from "./rows.ts";
import { schemaStatements, tables } from "./schema.ts";
import {
  latestVersion,
  mustKnow,
  refuseEpochless,
  type SchemaStep,
  schemaRows,
  schemaStateOf,
  schemaSteps,
  stepStatements,
} from "./schema-steps.ts";
import { type Statements, statementsOf } from "./statements.ts";
import { type Expectation, Misjudged, writeInTransaction } from "./write-transaction.ts";

/** A row that every change of what is known of the topology changes. */
const topologyTurn = "topology_turn";
const fillingName = "filling";
const tokenPrefix = "token/";
/** All names that begin with it: from here to, not including, there. */
const tokenNames = [tokenPrefix, "token0"];
/** A power of two. */
const purgedAtOnce = 1024;

/** Rolls back what was applied in the belief that the floor is below it. */
class FloorRisen extends Error {}

/** The partition contract over SQL, for every engine that implements {@link Database}. */
export class SqlPartition implements Partition {
  readonly name: string;
  readonly #database: Database;
  readonly #statements: Statements;
  readonly #steps: readonly SchemaStep[];
  /** As it was read last; it only ever rises. */
  #floor = 0n;
  readonly #expectation: Expectation = { overwriting: 0 };
  #fingerprint: ((record: Record) => Fingerprint) | undefined;

  /** `steps` are those of the schema that this program knows. */
  constructor(name: string, database: Database, steps = schemaSteps) {
    this.name = name;
    this.#database = database;
    this.#steps = steps;
    this.#statements = statementsOf(database.dialect);
  }

  async open(): Promise<PartitionInfo> {
    const facts = await this.#database.open();
    let meta = await this.#database.read((session) => this.#readMeta(session));
    const identity = { cluster: meta.get("cluster") ?? "", partition: meta.get("partition") ?? "" };
    const found = schemaStateOf(meta);
    if (identity.cluster === "" || found.version === 0) {
      throw new PartitionError("uninitialised", this.name, "its tables are empty; run `kvasir init`");
    }
    mustKnow(this.name, this.#steps, meta);
    this.#belongTo(identity);
    if (found.version < latestVersion(this.#steps)) {
      await this.#migrate(found.version);
      meta = await this.#database.read((session) => this.#readMeta(session));
    }
    return {
      ...facts,
      identity,
      progress: progressOf(meta),
      schemaVersion: schemaStateOf(meta).version,
      topology: storedTopologyOf(meta).topology,
    };
  }

  async initialise(identity: Identity, isJoining = false): Promise<void> {
    await this.#database.open();
    // Who serves need not be allowed to create tables that are there.
    const hasTables = await this.#database.read((session) => this.#hasTables(session));
    if (!hasTables) await this.#create();
    const meta = await this.#database.read((session) => this.#readMeta(session));
    if (!meta.has("cluster")) await this.#found(identity, isJoining);
    const { identity: present } = await this.open();
    if (present.cluster !== identity.cluster) {
      const message = `this database belongs to the store ${present.cluster}, not to ${identity.cluster}; check its url`;
      throw new PartitionError("refused", this.name, message);
    }
  }

  read(keys: readonly string[]): Promise<(Record | undefined)[]> {
    return this.#readBy(this.#statements.read, keys, recordOf);
  }

  readSmall(keys: readonly string[]): Promise<(Record | Large | undefined)[]> {
    return this.#readBy(this.#statements.readSmall, keys, recordOrLargeOf);
  }

  async write(writes: readonly Write[]): Promise<WriteOutcome[]> {
    let outcomes: WriteOutcome[] = [];
    try {
      await this.#database.transaction(async (session) => {
        const admit = (meta: ReadonlyMap<string, string>) => mustKnow(this.name, this.#steps, meta);
        outcomes = await writeInTransaction(
          session,
          this.#statements,
          this.#fingerprintOf(),
          writes,
          admit,
          this.#expectation,
        );
      });
      return outcomes;
    } catch (error) {
      if (error instanceof Misjudged) return this.write(writes);
      if (!(error instanceof PartitionError)) throw error;
      if (error.outcome === "unknown") {
        throw error.with({ outcome: "unknown", attempted: outcomes });
      }
      if (error.kind !== "rejected") throw error;
      return this.#writeHalves(writes, error);
    }
  }

  async apply(records: readonly Record[], receiving?: Receiving): Promise<number> {
    const newest = newestByKey(records);
    // Nothing at or below the floor can be told from a ghost without a look at what is there, which fresh records,
    // far above it, need not wait for.
    const isFresh = receiving === undefined && newest.every((record) => record.version.stamp > this.#floor);
    const applied = isFresh && (await this.#applyFresh(newest));
    return applied ? 0 : this.#applyChecked(newest, receiving);
  }

  async recall(key: string, requestId: string): Promise<RecalledRequest | undefined> {
    const [row] = await this.#database.read((session) => session.execute(this.#statements.recall, [key, requestId]));
    if (row === undefined) return undefined;
    return { digest: text(row[0]), version: versionOf(row[1], row[2]), existed: integer(row[3]) === 1 };
  }

  async scan(range: ScanRange): Promise<ScanPage> {
    const { start, end, now, buckets, limit } = range;
    const sql = this.#statements.scan({ ...range, hasEnd: end !== undefined, hasBuckets: buckets !== undefined });
    // One more than asked for tells whether the range goes on.
    const parameters = [start, ...(end === undefined ? [] : [end]), now, ...(buckets ? [buckets] : []), limit + 1];
    const rows = await this.#database.read((session) => session.execute(sql, parameters));
    const records = rows.slice(0, limit).map(scannedRecordOf);
    const hasMore = rows.length > limit;
    return range.withValues ? this.#withValues({ records, hasMore }, range) : { records, hasMore };
  }

  async hints(target: string, after: string, limit: number, only: HintScope = {}): Promise<OwedHint[]> {
    const parameters = [target, after, only.upTo ?? stampMax, only.fromStandIns ? 1 : 0, limit];
    const rows = await this.#database.read((session) => session.execute(this.#statements.hints, parameters));
    return rows.map((row) => hintOf(target, row));
  }

  async settle(hints: readonly Hint[]): Promise<void> {
    const byTarget = Map.groupBy(hints, (hint) => hint.target);
    await this.#database.transaction(async (session) => {
      const statements = [];
      for (const [target, owed] of byTarget) {
        owed.sort((a, b) => compareKeys(a.key, b.key));
        for (const group of chunks(owed, this.#statements.rowsMax)) {
          const parameters = group.flatMap(({ key, version: { stamp, writer } }) => [key, stamp, stamp, writer]);
          statements.push(session.execute(this.#statements.settle(group.length), [target, ...parameters]));
        }
      }
      await Promise.all(statements);
    });
  }

  async owed(): Promise<Owed[]> {
    const rows = await this.#database.read((session) => session.execute(this.#statements.owed, []));
    return rows.map((row) => ({
      target: text(row[0]),
      count: integer(row[1]),
      standIns: integer(row[2]),
      oldest: versionTime(versionOf(row[3], 0n)),
    }));
  }

  async time(): Promise<number | undefined> {
    if (this.#statements.time === undefined) return undefined;
    const sql = this.#statements.time;
    const [row] = await this.#database.read((session) => session.execute(sql, []));
    return integer(row?.[0]);
  }

  progress(): Promise<Progress> {
    return this.#database.read(async (session) => progressOf(await this.#readMeta(session)));
  }

  async raise(given: Partial<Progress>): Promise<boolean> {
    const { writeFloor, floor } = given;
    if (writeFloor !== undefined) {
      // Hints below it may be written until everybody knows of it: only then is it of use to look for them.
      if (!(await this.#raise(given, { writeFloor }))) return false;
      await this.#fence();
    }
    if (!(await this.#raise(given))) return false;
    // Also when it was raised already: who did so may not have waited yet.
    if (floor !== undefined) await this.#fence();
    return true;
  }

  async digest({ after, rowsMax, cutoff, floor, now }: DigestRange): Promise<DigestSlice> {
    return this.#database.read(async (session) => {
      const { last, bounds } = await this.#slice(session, after, rowsMax);
      const parameters = [...bounds, cutoff, floor, now];
      const rows = await session.execute(this.#statements.digest(last !== undefined), parameters);
      const buckets = rows.map(([bucket, ...sums]) => {
        return { bucket: integer(bucket), sums: sums.map(integer) as unknown as BucketDigest["sums"] };
      });
      return { buckets, last };
    });
  }

  async versions(bucket: number): Promise<KeyVersion[]> {
    const bounds = [BigInt(bucket) << bucketShift, (BigInt(bucket + 1) << bucketShift) - 1n];
    const rows = await this.#database.read((session) => session.execute(this.#statements.versions, bounds));
    return rows.map(keyVersionOf);
  }

  async scrub(after: string, rowsMax: number): Promise<ScrubbedSlice> {
    const fingerprint = this.#fingerprintOf();
    return this.#database.read(async (session) => {
      const sizes = await session.execute(this.#statements.sizes, [after, rowsMax]);
      const slice = sizes.map((row) => ({ key: text(row[0]), size: integer(row[1]) }));
      const damaged: string[] = [];
      for (const chunk of chunks(slice, lengthMax, ({ size }) => size)) {
        const keys = chunk.map(({ key }) => key);
        const rows = await this.#selectAll(session, this.#statements.readWhole, keys);
        damaged.push(...rows.filter((row) => !isIntact(row, fingerprint)).map((row) => text(row[0])));
      }
      return { damaged, rows: slice.length, last: slice.length < rowsMax ? undefined : slice.at(-1)?.key };
    });
  }

  async restore(records: readonly Record[]): Promise<void> {
    const fingerprint = this.#fingerprintOf();
    const sorted = [...records].sort((a, b) => compareKeys(a.key, b.key));
    await this.#database.transaction(async (session) => {
      const keys = sorted.map((record) => record.key);
      const rows = await this.#selectAll(session, this.#statements.readLocked, keys);
      const present = new Map(rows.map((row) => [text(row[0]), versionOf(row[1], row[2])]));
      for (const record of sorted) {
        const version = present.get(record.key);
        if (version === undefined || compareVersions(version, record.version) !== 0) continue;
        await session.execute(this.#statements.restore, recordParameters(record, fingerprint(record)));
      }
    });
  }

  remove(records: readonly { key: string; version: Version }[], epoch?: number): Promise<number> {
    const keys = [...new Set(records.map((record) => record.key))].sort(compareKeys);
    return this.#database.transaction(async (session) => {
      if (epoch !== undefined) {
        const fence = await session.execute(this.#statements.shareFence, fenceNames);
        if (epoch !== epochOfRows(textsOf(fence))) return 0;
      }
      const rows = await this.#selectAll(session, this.#statements.readLocked, keys);
      const present = new Map(rows.map((row) => [text(row[0]), versionOf(row[1], row[2])]));
      const equal = records.filter(({ key, version }) => {
        const found = present.get(key);
        return found !== undefined && compareVersions(found, version) === 0;
      });
      const equalKeys = [...new Set(equal.map((record) => record.key))].sort(compareKeys);
      await this.#selectAll(session, this.#statements.remove, equalKeys);
      return equalKeys.length;
    });
  }

  async purge(after: string, rowsMax: number): Promise<PurgedSlice> {
    const { last, rows } = await this.#database.read(async (session) => {
      const { floor } = progressOf(await this.#readMeta(session));
      const { last, bounds } = await this.#slice(session, after, rowsMax);
      const parameters = [...bounds, floor, versionTime({ stamp: floor, writer: 0 })];
      return { last, rows: await session.execute(this.#statements.purgeable(last !== undefined), parameters) };
    });
    const records = rows.map((row) => ({ key: text(row[0]), version: versionOf(row[1], row[2]) }));
    let purged = 0;
    // Short transactions: nobody waits long for a row that is about to go.
    for (const batch of chunks(records, purgedAtOnce)) purged += await this.remove(batch);
    return { purged, last };
  }

  async forgetRequests(before: number, limit: number): Promise<number> {
    return this.#database.transaction(async (session) => {
      const rows = await session.execute(this.#statements.forgettable, [before, limit]);
      const ids = rows.map((row) => [text(row[0]), text(row[1])]);
      await Promise.all(
        chunks(ids, this.#statements.rowsMax).map((chunk) =>
          session.execute(this.#statements.forget(chunk.length), chunk.flat()),
        ),
      );
      return ids.length;
    });
  }

  async requests({ at, key, id }: RequestPosition, limit: number): Promise<StoredRequest[]> {
    const parameters = [at, at, key, key, id, limit];
    const rows = await this.#database.read((session) => session.execute(this.#statements.requests, parameters));
    return rows.map((row) => ({
      key: text(row[0]),
      id: text(row[1]),
      digest: text(row[2]),
      version: versionOf(row[3], row[4]),
      existed: integer(row[5]) === 1,
      at: integer(row[6]),
    }));
  }

  async keepRequests(requests: readonly StoredRequest[]): Promise<void> {
    const sorted = [...requests].sort((a, b) => compareKeys(a.key, b.key) || compareKeys(a.id, b.id));
    await this.#database.transaction(async (session) => {
      const statements = chunks(sorted, this.#statements.rowsMax).map((chunk) => {
        const parameters = chunk.flatMap(({ key, id, digest, version, existed, at }) => {
          return [key, id, digest, version.stamp, version.writer, existed ? 1 : 0, at];
        });
        return session.execute(this.#statements.keepRequests(chunk.length), parameters);
      });
      await Promise.all(statements);
    });
  }

  topology(): Promise<StoredTopology> {
    return this.#database.read(async (session) =>
      storedTopologyOf(textsOf(await session.execute(this.#statements.readTopology, topologyNames))),
    );
  }

  async promise(ballot: string): Promise<StoredTopology> {
    return (await this.#changeTopology((present) => withPromise(present, ballot))).stored;
  }

  async accept(ballot: string, topology: Topology): Promise<boolean> {
    return (await this.#changeTopology((present) => withAccepted(present, ballot, topology))).isChanged;
  }

  async adopt(topology: Topology): Promise<StoredTopology> {
    const { stored } = await this.#changeTopology((present) => withAdopted(present, topology));
    await this.#fence();
    return stored;
  }

  async filling(now: number, mine?: Filling): Promise<Filling | undefined> {
    const { addMeta, writeMeta, readOne, lockOne } = this.#statements;
    const parsed = (rows: readonly Row[]) => {
      const stored = rows[0] && text(rows[0][0]);
      return stored ? (JSON.parse(stored) as Filling) : undefined;
    };
    if (mine === undefined) {
      return parsed(await this.#database.read((session) => session.execute(readOne, [fillingName])));
    }
    return this.#database.transaction(async (session) => {
      await session.execute(addMeta, [fillingName, ""]);
      const present = parsed(await session.execute(lockOne, [fillingName]));
      const next = nextFilling(present, now, mine);
      if (next !== present) await session.execute(writeMeta, [fillingName, JSON.stringify(next)]);
      return next;
    });
  }

  async tokens(): Promise<Token[]> {
    const rows = await this.#database.read((session) => session.execute(this.#statements.readTokens, tokenNames));
    return rows.map((row) => decodeToken(text(row[0]).slice(tokenPrefix.length), text(row[1])));
  }

  async keepTokens(tokens: readonly Token[]): Promise<void> {
    const { addMeta, writeMeta } = this.#statements;
    await this.#database.transaction(async (session) => {
      for (const token of tokens) {
        const row = [tokenPrefix + token.digest, encodeToken(token)];
        await session.execute(token.revoked === 0 ? addMeta : writeMeta, row);
      }
    });
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  // --- Internal helpers ---

  /** Applies what is above the floor that is known; false, and nothing is applied, when that has risen past some of it. */
  async #applyFresh(newest: readonly Record[]): Promise<boolean> {
    try {
      await this.#database.transaction(async (session) => {
        const fence = session.execute(this.#statements.shareFence, fenceNames);
        await Promise.all([fence, ...this.#applyAll(session, newest)]);
        this.#seeFence(textsOf(await fence));
        if (newest.some((record) => record.version.stamp <= this.#floor)) throw new FloorRisen();
      });
      return true;
    } catch (error) {
      if (error instanceof FloorRisen) return false;
      throw error;
    }
  }

  async #applyChecked(newest: readonly Record[], receiving: Receiving | undefined): Promise<number> {
    return this.#database.transaction(async (session) => {
      const fence = session.execute(this.#statements.shareFence, fenceNames);
      // Held meanwhile, so that the partition is not complete before it has them.
      const pass = receiving && session.execute(this.#statements.shareOne, [passName]);
      const [fenceRows, passRows] = await Promise.all([fence, pass]);
      const meta = textsOf(fenceRows);
      this.#seeFence(meta);
      if (receiving !== undefined) {
        const row = passRows?.[0];
        mustBeReceiving(this.name, receiving, row === undefined ? 0 : Number(text(row[0])), epochOfRows(meta));
      }
      const old = receiving !== undefined ? [] : newest.filter((record) => record.version.stamp <= this.#floor);
      const ghosts = await this.#absent(session, old);
      const wanted = ghosts.size === 0 ? newest : newest.filter((record) => !ghosts.has(record.key));
      await Promise.all(this.#applyAll(session, wanted));
      return ghosts.size;
    });
  }

  #seeFence(meta: ReadonlyMap<string, string>): void {
    mustKnow(this.name, this.#steps, meta);
    this.#floor = progressOf(meta).floor;
  }

  #applyAll(session: Session, records: readonly Record[]): Promise<unknown>[] {
    const fingerprint = this.#fingerprintOf();
    return chunks(records, this.#statements.rowsMax, largeBytes).map((chunk) =>
      session.execute(
        this.#statements.apply(chunk.length),
        chunk.flatMap((record) => recordParameters(record, fingerprint(record))),
      ),
    );
  }

  async #hasTables(session: Session): Promise<boolean> {
    try {
      for (const table of tables) await session.execute(`SELECT 1 FROM ${table} LIMIT 1`, []);
      return true;
    } catch (error) {
      if (error instanceof PartitionError && error.kind === "uninitialised") return false;
      throw error;
    }
  }

  async #fence(): Promise<void> {
    await this.#database.fence?.((session) => this.#readMeta(session));
  }

  /** Raises `stored`, a part of `given`, when all that is given may be raised. */
  #raise(given: Partial<Progress>, stored = given): Promise<boolean> {
    return this.#database.transaction(async (session) => {
      const present = progressOf(textsOf(await session.execute(this.#statements.lockMeta, [])));
      const raised = raisedProgress(present, given);
      if (raised.floor > raised.writeFloor || !mayCount(present, given)) return false;
      if (given.floor !== undefined) {
        const owed = await session.execute(this.#statements.owesUpTo, [raised.floor]);
        if (owed.length > 0) return false;
      }
      const rows = progressRows(raisedProgress(present, stored));
      await Promise.all(rows.map((row) => session.execute(this.#statements.writeMeta, row)));
      return true;
    });
  }

  async #readMeta(session: Session): Promise<Map<string, string>> {
    return textsOf(await session.execute(this.#statements.readMeta, []));
  }

  /** The lock waits for every write that is under way, and whoever writes later waits for this. */
  #changeTopology(
    change: (present: StoredTopology) => StoredTopology | undefined,
  ): Promise<{ stored: StoredTopology; isChanged: boolean }> {
    return this.#database.transaction(async (session) => {
      const present = storedTopologyOf(textsOf(await session.execute(this.#statements.lockTopology, topologyNames)));
      const changed = change(present);
      if (changed === undefined || changed === present) return { stored: present, isChanged: changed !== undefined };
      // On a cluster the lock holds at one member only: of changes through two of them that write one row, one is refused.
      const rows = [...topologyRows(changed), [topologyTurn, randomUUID()]];
      await Promise.all(rows.map((row) => session.execute(this.#statements.writeMeta, row)));
      const isFirst = (present.topology?.epoch ?? 0) <= 1 && (changed.topology?.epoch ?? 0) > 1;
      if (isFirst) await session.execute(refuseEpochless(this.#database.dialect), []);
      return { stored: changed, isChanged: true };
    });
  }

  /** Which keys of `records` have no row. The rows that are there stay locked. */
  async #absent(session: Session, records: readonly Record[]): Promise<Set<string>> {
    const absent = new Set(records.map((record) => record.key));
    for (const row of await this.#selectAll(session, this.#statements.readLocked, [...absent]))
      absent.delete(text(row[0]));
    return absent;
  }

  /** The last key of the slice behind `after`, and the parameters of its bounds. */
  async #slice(session: Session, after: string, rowsMax: number) {
    const [row] = await session.execute(this.#statements.lastOfSlice, [after, rowsMax - 1]);
    const last = row && text(row[0]);
    return { last, bounds: last === undefined ? [after] : [after, last] };
  }

  /** Of two programs that do this at once the first wins: nothing that is there is replaced. */
  async #found(identity: Identity, isJoining: boolean): Promise<void> {
    const progress = { isComplete: !isJoining, pass: 0, seen: {}, writeFloor: 0n, floor: 0n };
    const rows = [
      ...schemaRows(this.#steps),
      ["epoch", "0"],
      ["partition", identity.partition],
      ...progressRows(progress),
      ["cluster", identity.cluster],
    ];
    await this.#database.transaction(async (session) => {
      for (const row of rows) await session.execute(this.#statements.addMeta, row);
    });
  }

  async #readBy<T>(
    select: Statements["read"],
    keys: readonly string[],
    foundIn: (row: Row) => T,
  ): Promise<(T | undefined)[]> {
    const rows = await this.#database.read((session) => this.#selectAll(session, select, keys));
    const found = new Map(rows.map((row) => [text(row[0]), foundIn(row)]));
    return keys.map((key) => found.get(key));
  }

  async #create(): Promise<void> {
    try {
      await this.#database.define(schemaStatements(this.#database.dialect));
    } catch (error) {
      if (!(error instanceof PartitionError) || error.kind !== "refused") throw error;
      const [reason] = error.reason.split(";", 1);
      const message = `it has no tables yet; run \`kvasir init\` as a user with the right to CREATE (${reason})`;
      throw new PartitionError("refused", this.name, message, { cause: error });
    }
  }

  /** Other programs serve meanwhile, and may do the same. */
  async #migrate(version: number): Promise<void> {
    try {
      for (const step of this.#steps) {
        if (step.version > version) await this.#database.define(stepStatements(step, this.#database.dialect));
      }
    } catch (error) {
      if (!(error instanceof PartitionError) || error.kind !== "refused") throw error;
      const message = `its tables are of version ${version} and this program needs ${latestVersion(this.#steps)}; run \`kvasir init\` as the user that created them, with the right to ALTER (${error.reason})`;
      throw new PartitionError("refused", this.name, message, { cause: error });
    }
  }

  #belongTo({ cluster, partition }: Identity): void {
    if (partition !== this.name) {
      const message = `this database belongs to partition ${partition}; check its url, or the partition's name`;
      throw new PartitionError("refused", this.name, message);
    }
    this.#fingerprint = fingerprinter(cluster);
  }

  #fingerprintOf(): (record: Record) => Fingerprint {
    if (this.#fingerprint === undefined) throw new PartitionError("unreachable", this.name, "it is not open yet");
    return this.#fingerprint;
  }

  async #selectAll(session: Session, statement: (count: number) => string, keys: readonly string[]): Promise<Row[]> {
    const pages = paddedChunks(keys).map((chunk) => session.execute(statement(chunk.length), chunk));
    return (await Promise.all(pages)).flat();
  }

  /** Finds the members that the database refuses, so that the others are stored. */
  async #writeHalves(writes: readonly Write[], error: PartitionError): Promise<WriteOutcome[]> {
    if (writes.length === 1) return [{ kind: "failed", error }];
    const middle = Math.ceil(writes.length / 2);
    const first = await this.write(writes.slice(0, middle));
    return [...first, ...(await this.write(writes.slice(middle)))];
  }

  /** A record may have changed since the scan: then its new value counts, as long as it is live. */
  async #withValues(page: ScanPage, range: ScanRange): Promise<ScanPage> {
    let bytes = 0;
    const fitting = page.records.filter((record) => {
      const fits = bytes <= range.bytesMax;
      bytes += record.size;
      return fits;
    });
    const values = await this.read(fitting.map((record) => record.key));
    const records = values
      .filter((record) => record !== undefined && isLive(record, range.now))
      .map((record): ScannedRecord => ({ ...record!, size: record!.value.length }));
    return { records, hasMore: page.hasMore || fitting.length < page.records.length };
  }
}

/** Whether everything in a row is what its fingerprints were made of. */
function isIntact(row: Row, fingerprint: (record: Record) => Fingerprint): boolean {
  const record = recordOf(row);
  const { first, second } = fingerprint(record);
  return (
    row[8] === first && row[9] === second && row[10] === keyHash(record.key) && integer(row[11]) === record.value.length
  );
}

/** One record a key, sorted by key: the order in which every batch takes its locks. */
function newestByKey(records: readonly Record[]): Record[] {
  const newest = new Map<string, Record>();
  for (const record of records) {
    const present = newest.get(record.key);
    if (present === undefined || compareVersions(record.version, present.version) > 0) newest.set(record.key, record);
  }
  return [...newest.values()].sort((a, b) => compareKeys(a.key, b.key));
}
