import { compareKeys } from "../../key.ts";
import {
  type Hint,
  type Identity,
  type Owed,
  type OwedHint,
  type Partition,
  PartitionError,
  type PartitionInfo,
  type RecalledRequest,
  type ScanPage,
  type ScanRange,
  type Write,
  type WriteOutcome,
} from "../../partition.ts";
import { isLive, type Record, type ScannedRecord } from "../../record.ts";
import { compareVersions, versionTime } from "../../version.ts";
import { type Fingerprint, fingerprinter } from "../fingerprint.ts";
import { chunks, paddedChunks } from "./chunks.ts";
import type { Database, Row, Session } from "./database.ts";
import { hintOf, integer, recordOf, recordParameters, scannedRecordOf, text, versionOf } from "./rows.ts";
import { schemaStatements, schemaVersion } from "./schema.ts";
import { type Statements, statementsOf } from "./statements.ts";
import { writeInTransaction } from "./write-transaction.ts";

/** The partition contract over SQL, for every engine that implements {@link Database}. */
export class SqlPartition implements Partition {
  readonly name: string;
  readonly #database: Database;
  readonly #statements: Statements;
  #fingerprint: ((record: Record) => Fingerprint) | undefined;

  constructor(name: string, database: Database) {
    this.name = name;
    this.#database = database;
    this.#statements = statementsOf(database.dialect);
  }

  async open(): Promise<PartitionInfo> {
    const facts = await this.#database.open();
    const meta = await this.#database.read((session) => this.#readMeta(session));
    const identity = { cluster: meta.get("cluster") ?? "", partition: meta.get("partition") ?? "" };
    const version = Number(meta.get("schema_version") ?? 0);
    if (identity.cluster === "" || version === 0) {
      throw new PartitionError("uninitialised", this.name, "its tables are empty; run `kvasir init`");
    }
    if (version > schemaVersion) {
      const message = `its tables are of version ${version}, this program knows ${schemaVersion}; use a newer Kvasir`;
      throw new PartitionError("refused", this.name, message);
    }
    this.#belongTo(identity);
    return { ...facts, identity, schemaVersion: version, epoch: Number(meta.get("epoch") ?? 0) };
  }

  async initialise(identity: Identity): Promise<void> {
    await this.#database.open();
    const meta = await this.#database.read(async (session) => {
      for (const statement of schemaStatements(this.#database.dialect)) await session.execute(statement, []);
      return this.#readMeta(session);
    });
    if (!meta.has("cluster")) await this.#writeMeta(identity);
    const { identity: present } = await this.open();
    if (present.cluster !== identity.cluster) {
      const message = `this database belongs to the store ${present.cluster}, not to ${identity.cluster}; check its url`;
      throw new PartitionError("refused", this.name, message);
    }
  }

  async read(keys: readonly string[]): Promise<(Record | undefined)[]> {
    const rows = await this.#database.read((session) => this.#selectAll(session, this.#statements.read, keys));
    const found = new Map(rows.map((row) => [text(row[0]), recordOf(row)]));
    return keys.map((key) => found.get(key));
  }

  async write(writes: readonly Write[]): Promise<WriteOutcome[]> {
    let outcomes: WriteOutcome[] = [];
    try {
      await this.#database.transaction(async (session) => {
        outcomes = await writeInTransaction(session, this.#statements, this.#fingerprintOf(), writes);
      });
      return outcomes;
    } catch (error) {
      if (!(error instanceof PartitionError)) throw error;
      if (error.outcome === "unknown") {
        throw error.with({ outcome: "unknown", attempted: outcomes });
      }
      if (error.kind !== "rejected") throw error;
      return this.#writeHalves(writes, error);
    }
  }

  async apply(records: readonly Record[]): Promise<void> {
    const fingerprint = this.#fingerprintOf();
    const newest = newestByKey(records);
    await this.#database.transaction(async (session) => {
      const statements = chunks(newest, this.#statements.rowsMax, (record) => record.value.length).map((chunk) =>
        session.execute(
          this.#statements.apply(chunk.length),
          chunk.flatMap((record) => recordParameters(record, fingerprint(record))),
        ),
      );
      await Promise.all(statements);
    });
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

  async hints(target: string, after: string, limit: number): Promise<OwedHint[]> {
    const parameters = [target, after, limit];
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

  close(): Promise<void> {
    return this.#database.close();
  }

  // --- Internal helpers ---

  async #readMeta(session: Session): Promise<Map<string, string>> {
    const rows = await session.execute(this.#statements.readMeta, []);
    return new Map(rows.map((row) => [text(row[0]), text(row[1])]));
  }

  /** Of two programs that do this at once the first wins; `cluster` goes last, because it says "complete". */
  async #writeMeta(identity: Identity): Promise<void> {
    const values = [
      ["schema_version", String(schemaVersion)],
      ["epoch", "0"],
      ["partition", identity.partition],
      ["cluster", identity.cluster],
    ];
    await this.#database.transaction(async (session) => {
      for (const value of values) await session.execute(this.#statements.writeMeta, value);
    });
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

/** One record a key, sorted by key: the order in which every batch takes its locks. */
function newestByKey(records: readonly Record[]): Record[] {
  const newest = new Map<string, Record>();
  for (const record of records) {
    const present = newest.get(record.key);
    if (present === undefined || compareVersions(record.version, present.version) > 0) newest.set(record.key, record);
  }
  return [...newest.values()].sort((a, b) => compareKeys(a.key, b.key));
}
