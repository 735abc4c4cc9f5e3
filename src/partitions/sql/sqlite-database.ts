import { DatabaseSync, type StatementSync } from "node:sqlite";
import { PartitionError, type PartitionErrorKind } from "../../partition.ts";
import type { Database, Parameter, Row, Session } from "./database.ts";

/** How long a transaction waits for another process that writes the same file. */
const busyTimeoutMs = 5000;

/** SQLite's own limit for a row is 1 GB; a value shares it with its key and metadata. */
const valueBytesMax = 900 * 2 ** 20;

const noRows: readonly Row[] = [];

interface Prepared {
  readonly statement: StatementSync;
  readonly hasRows: boolean;
}

/**
 * One SQLite file, in write-ahead mode with an fsync a commit. Its calls block their thread, so it runs on one
 * of its own (see `sqlite-partition.ts`). Several processes may use the file at once.
 */
export class SqliteDatabase implements Database {
  readonly dialect = "sqlite";
  readonly #name: string;
  readonly #file: string;
  readonly #statements = new Map<string, Prepared>();
  readonly #session: Session = { execute: async (sql, parameters) => this.#execute(sql, parameters) };
  #handle: DatabaseSync | undefined;
  /** Transactions and reads take turns on the one connection. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(name: string, file: string) {
    this.#name = name;
    this.#file = file;
  }

  async open(): ReturnType<Database["open"]> {
    try {
      this.#handle ??= openSqlite(this.#file);
    } catch (error) {
      throw sqliteError(this.#name, error, this.#file);
    }
    const [row] = this.#execute("SELECT sqlite_version()", []);
    const version = Buffer.from(row?.[0] as Uint8Array).toString();
    return { engine: `SQLite ${version}`, durability: "strict", durabilityNote: "", valueBytesMax };
  }

  read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#inTurn(() => work(this.#session));
  }

  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      // IMMEDIATE takes the write lock at once, so that what is read inside stays true until COMMIT.
      this.#execute("BEGIN IMMEDIATE", []);
      try {
        const result = await work(this.#session);
        this.#execute("COMMIT", []);
        return result;
      } catch (error) {
        // A full disk has rolled back by itself, and then there is nothing to roll back.
        if (this.#handle?.isTransaction) this.#execute("ROLLBACK", []);
        throw error;
      }
    });
  }

  define(statements: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      for (const statement of statements) {
        try {
          this.#execute(statement, []);
        } catch (error) {
          // SQLite has no ADD COLUMN IF NOT EXISTS.
          if (!/duplicate column name/.test((error as Error).message)) throw error;
        }
      }
    });
  }

  async close(): Promise<void> {
    await this.#turn;
    this.#statements.clear();
    this.#handle?.close();
    this.#handle = undefined;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #execute(sql: string, parameters: readonly Parameter[]): readonly Row[] {
    if (this.#handle === undefined) throw new PartitionError("unreachable", this.#name, "it is not open");
    try {
      let prepared = this.#statements.get(sql);
      if (prepared === undefined) {
        const statement = prepare(this.#handle, sql);
        prepared = { statement, hasRows: statement.columns().length > 0 };
        this.#statements.set(sql, prepared);
      }
      const { statement, hasRows } = prepared;
      const bound = parameters.map(bindable);
      if (hasRows) return statement.all(...bound) as unknown as Row[];
      statement.run(...bound);
      return noRows;
    } catch (error) {
      throw sqliteError(this.#name, error, this.#file);
    }
  }
}

function openSqlite(file: string): DatabaseSync {
  const handle = new DatabaseSync(file, { timeout: busyTimeoutMs });
  handle.exec("PRAGMA journal_mode = WAL");
  handle.exec("PRAGMA synchronous = FULL");
  mapPages(handle);
  // 32 MiB: at the default of 4 MiB a third of the time of a loaded writer goes into checkpoints.
  handle.exec("PRAGMA wal_autocheckpoint = 8192");
  return handle;
}

/**
 * Has pages read from the file as it is mapped into memory, up to the 2 GiB that SQLite maps at most: fetching one from the
 * system costs a call and a copy, which is more than half of a read among a million keys. The cache is for those
 * that only the log has yet, and is as large as a log of full length.
 */
export function mapPages(handle: DatabaseSync): void {
  handle.exec("PRAGMA mmap_size = 2147418112");
  handle.exec("PRAGMA cache_size = -32768");
}

/** A statement that gives arrays, with every integer as a bigint. */
export function prepare(handle: DatabaseSync, sql: string): StatementSync {
  const statement = handle.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  return statement;
}

/** Text is stored as bytes, so that it compares as bytes. */
function bindable(parameter: Parameter): number | bigint | Uint8Array {
  return typeof parameter === "string" ? Buffer.from(parameter) : parameter;
}

const kinds: { readonly [code: number]: PartitionErrorKind } = {
  5: "overloaded", // SQLITE_BUSY: another process held the write lock for the whole timeout
  6: "overloaded", // SQLITE_LOCKED
  8: "refused", // SQLITE_READONLY
  11: "refused", // SQLITE_CORRUPT
  13: "full", // SQLITE_FULL
  14: "refused", // SQLITE_CANTOPEN
  18: "rejected", // SQLITE_TOOBIG
  26: "refused", // SQLITE_NOTADB
};

const mends: { readonly [code: number]: string } = {
  5: "another process is writing to it; try again",
  8: "the file or its folder is read-only; make them writable",
  11: "the file is damaged; restore it, or remove it so that it is filled from the other partitions",
  13: "the disk is full; make room",
  14: "the file cannot be opened; check that its folder exists and is writable",
  26: "the file is not a SQLite database; check the partition's url",
};

export function sqliteError(partition: string, error: unknown, file: string): PartitionError {
  if (error instanceof PartitionError) return error;
  const code = Number((error as { errcode?: number }).errcode ?? 0) & 0xff;
  const message = error instanceof Error ? error.message : String(error);
  if (/no such table/.test(message)) {
    return new PartitionError("uninitialised", partition, "it has no tables yet; run `kvasir init`", { cause: error });
  }
  const kind = kinds[code] ?? "unreachable";
  return new PartitionError(kind, partition, `${file}: ${mends[code] ?? message}`, { cause: error });
}
