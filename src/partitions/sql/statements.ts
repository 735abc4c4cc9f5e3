import { hintedBytesMax, smallBytesMax } from "../../partition.ts";
import { bucketShift } from "../../replicas/hash.ts";
import { fenceNames, topologyNames } from "../stored-topology.ts";
import { lengthMax } from "./chunks.ts";
import type { Dialect } from "./schema.ts";

/** `records.state`. A placeholder holds the lock of a key that is not there yet, and is never committed. */
export const rowState = { live: 0, tombstone: 1, placeholder: 2 } as const;

const recordColumns = [
  "`key`",
  "hash",
  "version",
  "writer",
  "state",
  "expires",
  "fingerprint",
  "fingerprint2",
  "size",
  "type",
  "metadata",
  "value",
];

/** A key's hash never changes: written again, it would dirty a page of each index. */
const contentColumns = recordColumns.filter((column) => column !== "`key`" && column !== "hash");

/** The columns that `recordOf` reads, in its order. */
const readColumns = "`key`, version, writer, state, expires, type, metadata, value";
/** The same but for the value. */
const hintedColumns = "o.`key`, r.version, r.writer, r.state, r.expires, r.type, r.metadata";
/** NULL instead of a large value. */
export const smallValue = `CASE WHEN size <= ${smallBytesMax} THEN value END`;
const scanColumns = "`key`, version, writer, state, expires, type, metadata, size";

/** Every statement, as text for `rows` rows or keys. One set, with the two dialects' spellings of an upsert. */
export function statementsOf(dialect: Dialect) {
  const upsert = dialect === "mysql" ? mysqlUpsert : sqliteUpsert;
  return {
    /** How many rows a statement that writes takes at most. SQLite is slower with more than one. */
    rowsMax: dialect === "mysql" ? lengthMax : 1,
    read: byCount((keys) => `SELECT ${readColumns} FROM records WHERE \`key\` IN (${marks(keys)})`),
    readSmall: byCount(
      (keys) => `SELECT ${readColumns.replace(/value$/, smallValue)} FROM records WHERE \`key\` IN (${marks(keys)})`,
    ),
    sizes: "SELECT `key`, size FROM records WHERE `key` > ? ORDER BY `key` LIMIT ?",
    readWhole: byCount(
      (keys) =>
        `SELECT ${readColumns}, fingerprint, fingerprint2, hash, size FROM records WHERE \`key\` IN (${marks(keys)})`,
    ),
    /**
     * Makes sure that every key has a row that this transaction has locked. Takes each key and its hash. MySQL only:
     * SQLite locks the database.
     */
    lockOrCreate:
      dialect === "sqlite"
        ? undefined
        : byCount(
            (keys) =>
              `INSERT INTO records (${recordColumns.join(", ")}) VALUES ${rows(keys, `(?, ?, 0, 0, ${rowState.placeholder}, 0, 0, 0, 0, '', '', '')`)} ON DUPLICATE KEY UPDATE state = state`,
          ),
    readLocked: byCount(
      (keys) =>
        `SELECT \`key\`, version, writer, state, expires FROM records WHERE \`key\` IN (${marks(keys)})${dialect === "mysql" ? " FOR UPDATE" : ""}`,
    ),
    /**
     * Locks and counts the keys that hold a value without expiry that is older than a stamp: one row to send, where
     * `readLocked` sends one a key.
     */
    countOverwritten: byCount(
      (keys) =>
        `SELECT COUNT(*) FROM records WHERE \`key\` IN (${marks(keys)}) AND state = ${rowState.live} AND expires = 0 AND version < ?${dialect === "mysql" ? " FOR UPDATE" : ""}`,
    ),
    /** Replaces rows that this transaction has locked and decided about. */
    store: byCount((records) => upsert.always(records, contentColumns)),
    /** Replaces all of a row that may be damaged. */
    restore: upsert.always(1, recordColumns),
    /** Stores decided records where they are newer. */
    apply: byCount((records) => upsert.ifNewer(records)),
    removePlaceholders: byCount(
      (keys) => `DELETE FROM records WHERE \`key\` IN (${marks(keys)}) AND state = ${rowState.placeholder}`,
    ),
    owe: byCount((hints) => upsert.hints(hints)),
    settle: byCount(
      (hints) =>
        `DELETE FROM outbox WHERE target = ? AND (${rows(hints, "(`key` = ? AND (version < ? OR (version = ? AND writer <= ?)))", " OR ")})`,
    ),
    hints: [
      `SELECT o.version, o.writer, o.stand_in, r.size, ${hintedColumns},`,
      `CASE WHEN r.size <= ${hintedBytesMax} THEN r.value END`,
      "FROM outbox o LEFT JOIN records r ON r.`key` = o.`key`",
      "WHERE o.target = ? AND o.`key` > ? AND o.version <= ? AND o.stand_in >= ? ORDER BY o.`key` LIMIT ?",
    ].join(" "),
    owed: `SELECT target, COUNT(*), CAST(SUM(stand_in) AS ${dialect === "mysql" ? "SIGNED" : "INTEGER"}), MIN(version) FROM outbox GROUP BY target`,
    recall: "SELECT digest, version, writer, existed FROM requests WHERE `key` = ? AND id = ?",
    remember: `INSERT INTO requests (\`key\`, id, digest, version, writer, existed, at) VALUES (${marks(7)})`,
    forgettable: "SELECT `key`, id FROM requests WHERE at < ? ORDER BY at LIMIT ?",
    requests: `SELECT \`key\`, id, digest, version, writer, existed, at FROM requests WHERE at >= ? AND (at > ? OR \`key\` > ? OR (\`key\` = ? AND id > ?)) ORDER BY at, \`key\`, id LIMIT ?`,
    keepRequests: byCount((requests) => upsert.requests(requests)),
    forget: byCount((requests) => `DELETE FROM requests WHERE ${rows(requests, "(`key` = ? AND id = ?)", " OR ")}`),
    readMeta: "SELECT name, value FROM meta",
    readTokens: "SELECT name, value FROM meta WHERE name >= ? AND name < ?",
    /**
     * Writes and deliveries hold these rows while they run, so that a floor or the epoch rises between them and not
     * meanwhile. Takes `fenceNames`: a text literal equals no BLOB in SQLite.
     */
    shareFence: `SELECT name, value FROM meta WHERE name IN (${marks(fenceNames.length)})${dialect === "mysql" ? " LOCK IN SHARE MODE" : ""}`,
    /** Takes `topologyNames`. */
    readTopology: `SELECT name, value FROM meta WHERE name IN (${marks(topologyNames.length)})`,
    lockTopology: `SELECT name, value FROM meta WHERE name IN (${marks(topologyNames.length)})${dialect === "mysql" ? " FOR UPDATE" : ""}`,
    readOne: "SELECT value FROM meta WHERE name = ?",
    shareOne: `SELECT value FROM meta WHERE name = ?${dialect === "mysql" ? " LOCK IN SHARE MODE" : ""}`,
    lockOne: `SELECT value FROM meta WHERE name = ?${dialect === "mysql" ? " FOR UPDATE" : ""}`,
    lockMeta: `SELECT name, value FROM meta${dialect === "mysql" ? " FOR UPDATE" : ""}`,
    /** Leaves what is there. */
    addMeta: `INSERT INTO meta (name, value) VALUES (?, ?) ${dialect === "mysql" ? "ON DUPLICATE KEY UPDATE name = name" : "ON CONFLICT (name) DO NOTHING"}`,
    writeMeta: `INSERT INTO meta (name, value) VALUES (?, ?) ${dialect === "mysql" ? "ON DUPLICATE KEY UPDATE value = VALUES(value)" : "ON CONFLICT (name) DO UPDATE SET value = excluded.value"}`,
    time: dialect === "mysql" ? "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)" : undefined,
    owesUpTo: "SELECT 1 FROM outbox WHERE version <= ? LIMIT 1",
    /** Where a slice ends. Then it is a range: a LIMIT in a sub-query makes MySQL copy its rows first. */
    lastOfSlice: "SELECT `key` FROM records WHERE `key` > ? ORDER BY `key` LIMIT 1 OFFSET ?",
    digest: (hasEnd: boolean) =>
      [
        `SELECT hash >> ${bucketShift} AS bucket, COUNT(*), ${digestSums(dialect)} FROM records ${slice(hasEnd)}`,
        `AND version <= ? AND (state <> ${rowState.tombstone} OR version > ?) AND (expires = 0 OR expires > ?)`,
        "GROUP BY bucket",
      ].join(" "),
    purgeable: (hasEnd: boolean) =>
      [
        `SELECT \`key\`, version, writer FROM records ${slice(hasEnd)}`,
        `AND version <= ? AND (state = ${rowState.tombstone} OR (expires <> 0 AND expires <= ?))`,
      ].join(" "),
    versions: "SELECT `key`, version, writer, state, expires, fingerprint FROM records WHERE hash BETWEEN ? AND ?",
    /** Deletes rows that this transaction has locked and compared. */
    remove: byCount((keys) => `DELETE FROM records WHERE \`key\` IN (${marks(keys)})`),
    scan: (range: { isStartExclusive: boolean; hasEnd: boolean; isReverse: boolean; hasBuckets: boolean }) =>
      [
        `SELECT ${scanColumns} FROM records WHERE \`key\` ${range.isStartExclusive ? ">" : ">="} ?`,
        range.hasEnd ? "AND `key` < ?" : "",
        `AND state = ${rowState.live} AND (expires = 0 OR expires > ?)`,
        range.hasBuckets ? `AND SUBSTR(?, (hash >> ${bucketShift}) + 1, 1) = x'01'` : "",
        `ORDER BY \`key\` ${range.isReverse ? "DESC" : "ASC"} LIMIT ?`,
      ].join(" "),
  };
}

export type Statements = ReturnType<typeof statementsOf>;

function slice(hasEnd: boolean): string {
  return `WHERE \`key\` > ?${hasEnd ? " AND `key` <= ?" : ""}`;
}

/**
 * Halves, because sums of whole fingerprints would overflow in SQLite. MySQL adds them as doubles, which are exact
 * up to two million rows of a bucket and take half of the time of its DECIMAL.
 */
function digestSums(dialect: Dialect): string {
  const exact = dialect === "mysql" ? " * 1e0" : "";
  const halves = ["fingerprint", "fingerprint2"].flatMap((column) => [`(${column} & 4294967295)`, `(${column} >> 32)`]);
  return [...halves, `(state = ${rowState.live})`, "size"].map((summand) => `SUM(${summand}${exact})`).join(", ");
}

const hintColumns = ["target", "`key`", "version", "writer", "stand_in"];

const requestColumns = ["`key`", "id", "digest", "version", "writer", "existed", "at"];

const mysqlUpsert = {
  requests: (count: number) => `${insert("requests", requestColumns, count)} ON DUPLICATE KEY UPDATE at = at`,
  always: (count: number, columns: readonly string[]) =>
    `${insert("records", recordColumns, count)} ON DUPLICATE KEY UPDATE ${columns.map((column) => `${column} = VALUES(${column})`).join(", ")}`,
  ifNewer: (count: number) =>
    `${insert("records", recordColumns, count)} ON DUPLICATE KEY UPDATE ${newerAssignments(contentColumns)}`,
  hints: (count: number) =>
    `${insert("outbox", hintColumns, count)} ON DUPLICATE KEY UPDATE stand_in = GREATEST(stand_in, VALUES(stand_in)), ${newerAssignments(["version", "writer"])}`,
};

const isNewer = "(VALUES(version) > version OR (VALUES(version) = version AND VALUES(writer) > writer))";

/**
 * MySQL assigns from left to right and sees what it has assigned already, so `version`, on which every other
 * assignment depends, must come last and `writer` just before it.
 */
function newerAssignments(columns: readonly string[]): string {
  const others = columns.filter((column) => column !== "version" && column !== "writer");
  const guarded = [...others, "writer"].map((column) => `${column} = IF(${isNewer}, VALUES(${column}), ${column})`);
  return [...guarded, "version = GREATEST(version, VALUES(version))"].join(", ");
}

const isNewerInSqlite = "(excluded.version, excluded.writer) > (version, writer)";

function sqliteReplace(columns: readonly string[]): string {
  return `ON CONFLICT (\`key\`) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(", ")}`;
}

const sqliteUpsert: typeof mysqlUpsert = {
  requests: (count) => `${insert("requests", requestColumns, count)} ON CONFLICT (\`key\`, id) DO NOTHING`,
  always: (count, columns) => `${insert("records", recordColumns, count)} ${sqliteReplace(columns)}`,
  ifNewer: (count) =>
    `${insert("records", recordColumns, count)} ${sqliteReplace(contentColumns)} WHERE ${isNewerInSqlite}`,
  hints: (count) =>
    `${insert("outbox", hintColumns, count)} ON CONFLICT (target, \`key\`) DO UPDATE SET stand_in = MAX(stand_in, excluded.stand_in), version = IIF(${isNewerInSqlite}, excluded.version, version), writer = IIF(${isNewerInSqlite}, excluded.writer, writer)`,
};

function insert(table: string, columns: string[], count: number): string {
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${rows(count, `(${marks(columns.length)})`)}`;
}

function marks(count: number): string {
  return rows(count, "?");
}

function rows(count: number, row: string, separator = ", "): string {
  return new Array(count).fill(row).join(separator);
}

/** Builds each text once. */
function byCount(build: (count: number) => string): (count: number) => string {
  const texts = new Map<number, string>();
  return (count) => {
    const text = texts.get(count) ?? build(count);
    texts.set(count, text);
    return text;
  };
}
