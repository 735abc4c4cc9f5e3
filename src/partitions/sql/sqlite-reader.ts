import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Large } from "../../partition.ts";
import type { Record } from "../../record.ts";
import { mapPages, prepare, sqliteError } from "./sqlite-database.ts";
import { rowState, smallValue } from "./statements.ts";

/**
 * Every cell of bytes costs an ArrayBuffer, which is dear to make and to collect, so that only the value comes as
 * bytes: the texts as texts, and the key not at all. With `asText` a small value is asked for as text as well.
 */
const readOne = (value: string) =>
  `SELECT version, writer, state, expires, size, CAST(type AS TEXT), CAST(metadata AS TEXT), ${value} FROM records WHERE \`key\` = CAST(? AS BLOB)`;
const asText = `CASE WHEN size <= 1024 THEN CAST(value AS TEXT) ELSE ${smallValue} END`;
/** How many values are read as bytes after one that was no ASCII: the next ones are likely none either. */
const bytesReadsAfterMiss = 255;

type OneRow = readonly [bigint, bigint, bigint, bigint, bigint, string, string, Uint8Array | string | null];

/**
 * Reads single records of a SQLite file on the calling thread, which takes some microseconds. A reader never waits
 * for the writer; what makes it wait at all is an error of kind `overloaded`.
 */
export class SqliteReader {
  readonly #partition: string;
  readonly #file: string;
  readonly #handle: DatabaseSync;
  readonly #readBytes: StatementSync;
  readonly #readText: StatementSync;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  #sharedReads = 0;
  #bytesReads = 0;

  /** @throws PartitionError */
  constructor(partition: string, file: string) {
    this.#partition = partition;
    this.#file = file;
    try {
      this.#handle = new DatabaseSync(file, { readOnly: true, timeout: 0 });
      mapPages(this.#handle);
      this.#readBytes = prepare(this.#handle, readOne(smallValue));
      this.#readText = prepare(this.#handle, readOne(asText));
      this.#begin = this.#handle.prepare("BEGIN");
      this.#end = this.#handle.prepare("COMMIT");
    } catch (error) {
      throw sqliteError(partition, error, file);
    }
  }

  /** @throws PartitionError */
  read(key: string): Record | Large | undefined {
    this.endShared();
    try {
      return this.#read(key);
    } catch (error) {
      throw sqliteError(this.#partition, error, this.#file);
    }
  }

  /**
   * As `read`, in one transaction with the others of this turn of the event loop: beginning and ending one takes
   * longer than reading a record. The requests of a turn were sent before its first read, so that what is committed
   * in between is none that their clients can know of.
   *
   * @throws PartitionError
   */
  readShared(key: string): Record | Large | undefined {
    try {
      // A request that comes alone needs no more than its own transaction.
      if (this.#sharedReads === 0) setImmediate(this.#endTurn);
      else if (this.#sharedReads === 1) this.#begin.run();
      this.#sharedReads++;
      return this.#read(key);
    } catch (error) {
      this.endShared();
      throw sqliteError(this.#partition, error, this.#file);
    }
  }

  /** What is read from now on is at least as new as this call. */
  endShared(): void {
    this.#sharedReads = 0;
    if (this.#handle.isTransaction) this.#end.run();
  }

  close(): void {
    this.endShared();
    this.#handle.close();
  }

  // An immediate runs before the event loop asks for what arrived next.
  readonly #endTurn = () => {
    if (this.#handle.isOpen) this.endShared();
  };

  #read(key: string): Record | Large | undefined {
    const isText = this.#bytesReads === 0;
    if (!isText) this.#bytesReads--;
    const row = (isText ? this.#readText : this.#readBytes).get(key) as unknown as OneRow | undefined;
    if (row === undefined) return undefined;
    const [stamp, writer, state, expires, size, type, metadata, value] = row;
    if (value === null) return { isLarge: true, version: { stamp, writer: Number(writer) } };
    const bytes = typeof value === "string" ? asciiBytes(value, Number(size)) : value;
    if (bytes === undefined) {
      this.#bytesReads = bytesReadsAfterMiss;
      return this.#read(key);
    }
    const version = { stamp, writer: Number(writer) };
    const isTombstone = Number(state) === rowState.tombstone;
    return { key, version, isTombstone, expires: Number(expires), type, metadata, value: bytes };
  }
}

/**
 * The `size` bytes that were decoded as UTF-8, unless any is not ASCII: a sequence of several is one or two characters,
 * and what is malformed becomes U+FFFD.
 */
function asciiBytes(text: string, size: number): Uint8Array | undefined {
  return text.length === size && !text.includes("\ufffd") ? Buffer.from(text, "latin1") : undefined;
}
