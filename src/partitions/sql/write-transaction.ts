import { compareKeys } from "../../key.ts";
import type { Hint, RecalledRequest, Write, WriteOutcome } from "../../partition.ts";
import type { Record } from "../../record.ts";
import { keyHash } from "../../replicas/hash.ts";
import { type DecidedRow, decide } from "../decide.ts";
import type { Fingerprint } from "../fingerprint.ts";
import { progressOf } from "../progress.ts";
import { epochOfRows, fenceNames } from "../stored-topology.ts";
import { chunks, paddedChunks } from "./chunks.ts";
import type { Row, Session } from "./database.ts";
import {
  hintParameters,
  integer,
  largeBytes,
  lockedRowOf,
  recordParameters,
  text,
  textsOf,
  versionOf,
} from "./rows.ts";
import type { Statements } from "./statements.ts";

type Admit = (meta: ReadonlyMap<string, string>) => void;

/** What the last batches of a partition have shown, and the next one is expected to be like. */
export interface Expectation {
  /** So many batches in a row consisted of plain writes that each replaced an older value. */
  overwriting: number;
}

/** After so many of them the next is stored without waiting for what it replaces. */
const overwritingMin = 4;

/** The rows were not as expected. The transaction is to be rolled back, and the batch decided anew. */
export class Misjudged extends Error {}

/** A row of which nothing matters but that it is live and older than any write that replaces it. */
const olderRow: DecidedRow = { version: { stamp: 0n, writer: 0 }, isTombstone: false, expires: 0 };

/**
 * Decides and stores a batch of writes inside a transaction that the caller commits.
 *
 * Two round trips: one locks all rows and reads them, one stores what was decided. Keys are sorted in both, so
 * that any two batches take their locks in one order. On MySQL a key that is not there yet has no row to lock, and two
 * writers would both find nothing: a placeholder is created for it first. `admit` throws when the rows of `meta` that
 * every write looks at say that it must not go on.
 *
 * Where plain writes replace older values, nothing else of the rows matters: they are counted, and not read. Where
 * that was so time and again it is taken for granted, and the records are sent behind the count, in the same round trip.
 *
 * @throws Misjudged when it was not so. Then nothing is to be committed, and the next call with these writes looks first.
 */
export async function writeInTransaction(
  session: Session,
  statements: Statements,
  fingerprint: (record: Record) => Fingerprint,
  writes: readonly Write[],
  admit: Admit,
  expectation: Expectation,
): Promise<WriteOutcome[]> {
  const keys = [...new Set(writes.map((write) => write.key))].sort(compareKeys);
  const oldest = writes.length > 0 && writes.every(isPlain) ? leastStamp(writes) : undefined;
  const store = (found: Locked) => decideAndStore(session, statements, fingerprint, writes, keys, found);
  if (oldest !== undefined && expectation.overwriting >= overwritingMin) {
    const epoch = writes[0]!.epoch;
    const locked = new Map(keys.map((key) => [key, olderRow]));
    const [isAsExpected, outcomes] = await Promise.all([
      lockOlder(session, statements, keys, oldest, epoch, admit),
      store({ writeFloor: 0n, epoch, locked }),
    ]);
    if (isAsExpected) return outcomes;
    expectation.overwriting = 0;
    throw new Misjudged();
  }
  const found = await lock(session, statements, keys, admit);
  const isOverwriting = oldest !== undefined && keys.every((key) => isOverwritten(found.locked.get(key), oldest));
  expectation.overwriting = isOverwriting ? expectation.overwriting + 1 : 0;
  return store(found);
}

async function decideAndStore(
  session: Session,
  statements: Statements,
  fingerprint: (record: Record) => Fingerprint,
  writes: readonly Write[],
  keys: readonly string[],
  { locked, writeFloor, epoch }: Locked,
): Promise<WriteOutcome[]> {
  const requests = await recallAll(session, statements, writes);

  const outcomes: WriteOutcome[] = [];
  const toStore = new Map<string, Record>();
  const toOwe = new Map<string, Hint>();
  const toRemember: Promise<unknown>[] = [];
  for (const write of writes) {
    const request = write.request && requests.get(`${write.key}\0${write.request.id}`);
    const row = toStore.get(write.key) ?? locked.get(write.key);
    const { outcome, record } = decide(write, row, request, writeFloor, epoch);
    outcomes.push(outcome);
    if (record === undefined || outcome.kind !== "applied") continue;
    toStore.set(write.key, record);
    for (const target of write.owed)
      owe(toOwe, { target, key: write.key, version: record.version, standIn: write.standIn });
    if (write.request !== undefined) {
      const { id, digest } = write.request;
      requests.set(`${write.key}\0${id}`, { digest, version: outcome.version, existed: outcome.existed });
      const { stamp, writer } = outcome.version;
      const parameters = [write.key, id, digest, stamp, writer, outcome.existed ? 1 : 0, write.now];
      toRemember.push(session.execute(statements.remember, parameters));
    }
  }

  const { rowsMax } = statements;
  const records = keys.flatMap((key) => toStore.get(key) ?? []);
  const hints = [...toOwe.values()].sort((a, b) => compareTexts(a.target, b.target) || compareKeys(a.key, b.key));
  const leftOver = keys.filter((key) => locked.get(key) === undefined && !toStore.has(key));
  await Promise.all([
    ...toRemember,
    ...chunks(records, rowsMax, largeBytes).map((chunk) =>
      session.execute(
        statements.store(chunk.length),
        chunk.flatMap((record) => recordParameters(record, fingerprint(record))),
      ),
    ),
    ...chunks(hints, rowsMax).map((chunk) =>
      session.execute(statements.owe(chunk.length), chunk.flatMap(hintParameters)),
    ),
    ...(statements.lockOrCreate === undefined ? [] : paddedChunks(leftOver)).map((chunk) =>
      session.execute(statements.removePlaceholders(chunk.length), chunk),
    ),
  ]);
  return outcomes;
}

function isPlain({ condition, request, attempted }: Write): boolean {
  return condition === undefined && request === undefined && attempted === undefined;
}

function leastStamp(writes: readonly Write[]): bigint {
  let least = writes[0]!.stamp;
  for (const { stamp } of writes) if (stamp < least) least = stamp;
  return least;
}

/** What `countOverwritten` counts. */
function isOverwritten(row: DecidedRow | undefined, stamp: bigint): boolean {
  return row !== undefined && !row.isTombstone && row.expires === 0 && row.version.stamp < stamp;
}

interface Locked {
  readonly writeFloor: bigint;
  readonly epoch: number;
  readonly locked: ReadonlyMap<string, DecidedRow | undefined>;
}

/** Locks the rows; whether all of `keys` hold values older than `stamp`, above the write floor, and the epoch is `epoch`. */
async function lockOlder(
  session: Session,
  statements: Statements,
  keys: readonly string[],
  stamp: bigint,
  epoch: number,
  admit: Admit,
): Promise<boolean> {
  const fence = session.execute(statements.shareFence, fenceNames);
  const pages = paddedChunks(keys).map((chunk) =>
    session.execute(statements.countOverwritten(chunk.length), [...chunk, stamp]),
  );
  let count = 0;
  for (const [row] of await Promise.all(pages)) count += integer(row?.[0]);
  const meta = textsOf(await fence);
  admit(meta);
  return count === keys.length && progressOf(meta).writeFloor < stamp && epochOfRows(meta) === epoch;
}

/**
 * Locks the rows that are there, and on MySQL creates placeholders for those that are not: a row created meanwhile is
 * then locked as well. SQLite has locked the database.
 */
async function lock(session: Session, statements: Statements, keys: readonly string[], admit: Admit): Promise<Locked> {
  const { lockOrCreate, rowsMax } = statements;
  const fence = session.execute(statements.shareFence, fenceNames);
  const locked = new Map<string, DecidedRow | undefined>();
  const read = async (some: readonly string[]) => {
    const pages = paddedChunks(some).map((chunk) => session.execute(statements.readLocked(chunk.length), chunk));
    for (const row of (await Promise.all(pages)).flat()) locked.set(text(row[0]), lockedRowOf(row));
  };
  await read(keys);
  const missing = keys.filter((key) => !locked.has(key));
  if (lockOrCreate !== undefined && missing.length > 0) {
    const created = chunks(missing, rowsMax).map((chunk) =>
      session.execute(
        lockOrCreate(chunk.length),
        chunk.flatMap((key) => [key, keyHash(key)]),
      ),
    );
    await Promise.all([...created, read(missing)]);
  }
  const meta = textsOf(await fence);
  admit(meta);
  return { writeFloor: progressOf(meta).writeFloor, epoch: epochOfRows(meta), locked };
}

/** What is known of the request ids of `writes`, by key and id. */
async function recallAll(
  session: Session,
  statements: Statements,
  writes: readonly Write[],
): Promise<Map<string, RecalledRequest>> {
  const found = new Map<string, RecalledRequest>();
  const withRequests = writes.filter(({ request }) => request !== undefined);
  await Promise.all(
    withRequests.map(async ({ key, request }) => {
      if (request === undefined) return;
      const [row]: readonly Row[] = await session.execute(statements.recall, [key, request.id]);
      if (row === undefined) return;
      const recalled = { digest: text(row[0]), version: versionOf(row[1], row[2]), existed: integer(row[3]) === 1 };
      found.set(`${key}\0${request.id}`, recalled);
    }),
  );
  return found;
}

/** Later writes of a key in the batch have greater versions. */
function owe(hints: Map<string, Hint>, hint: Hint): void {
  const id = `${hint.target}\0${hint.key}`;
  const standIn = hint.standIn || hints.get(id)?.standIn === true;
  hints.set(id, { ...hint, standIn });
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
