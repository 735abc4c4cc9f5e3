export const tables = ["meta", "records", "outbox", "requests"];

export type Dialect = "mysql" | "sqlite";

/**
 * The tables of a new partition, as the last step of the ladder in `schema-steps.ts` leaves those of an older one.
 * Every statement may be run again without harm.
 *
 * Keys are bytes, without collation or padding. Each table has exactly one unique key, so that an upsert locks
 * in one order. Nothing in `records` is local to a partition: equal replicas are equal row for row. `value` is
 * last, so that scans of the other columns need not read past it, and `size` spares reading it for its length.
 * The index for digests has the hash alone: one with the fingerprints would change, and dirty a page, at each write.
 */
export function schemaStatements(dialect: Dialect): string[] {
  const types = dialect === "mysql" ? mysqlTypes : sqliteTypes;
  return [
    `CREATE TABLE IF NOT EXISTS meta (
  name ${types.bytes(128)} NOT NULL,
  value ${types.bytes(16384)} NOT NULL,
  PRIMARY KEY (name)
)${types.suffix}`,
    `CREATE TABLE IF NOT EXISTS records (
  \`key\` ${types.bytes(1024)} NOT NULL,
  hash ${types.integer} NOT NULL,
  version ${types.integer} NOT NULL,
  writer ${types.integer} NOT NULL,
  state ${types.tiny} NOT NULL,
  expires ${types.integer} NOT NULL,
  fingerprint ${types.integer} NOT NULL,
  fingerprint2 ${types.integer} NOT NULL,
  size ${types.integer} NOT NULL,
  type ${types.bytes(255)} NOT NULL,
  metadata ${types.bytes(16384)} NOT NULL,
  value ${types.blob} NOT NULL,
  PRIMARY KEY (\`key\`)${types.inlineHashIndex}
)${types.suffix}`,
    ...types.hashIndex,
    `CREATE TABLE IF NOT EXISTS outbox (
  target ${types.bytes(64)} NOT NULL,
  \`key\` ${types.bytes(1024)} NOT NULL,
  version ${types.integer} NOT NULL,
  writer ${types.integer} NOT NULL,
  stand_in ${types.tiny} NOT NULL,
  PRIMARY KEY (target, \`key\`)
)${types.suffix}`,
    `CREATE TABLE IF NOT EXISTS requests (
  \`key\` ${types.bytes(1024)} NOT NULL,
  id ${types.bytes(255)} NOT NULL,
  digest ${types.bytes(64)} NOT NULL,
  version ${types.integer} NOT NULL,
  writer ${types.integer} NOT NULL,
  existed ${types.tiny} NOT NULL,
  at ${types.integer} NOT NULL,
  PRIMARY KEY (\`key\`, id)${types.inlineAgeIndex}
)${types.suffix}`,
    ...types.ageIndex,
  ];
}

const mysqlTypes = {
  bytes: (length: number) => `VARBINARY(${length})`,
  integer: "BIGINT",
  tiny: "TINYINT",
  blob: "LONGBLOB",
  // MySQL knows no CREATE INDEX IF NOT EXISTS.
  inlineHashIndex: ",\n  KEY hash (hash)",
  hashIndex: [] as string[],
  inlineAgeIndex: ",\n  KEY age (at)",
  ageIndex: [] as string[],
  suffix: " ENGINE=InnoDB ROW_FORMAT=DYNAMIC",
};

const sqliteTypes: typeof mysqlTypes = {
  bytes: () => "BLOB",
  integer: "INTEGER",
  tiny: "INTEGER",
  blob: "BLOB",
  inlineHashIndex: "",
  hashIndex: ["CREATE INDEX IF NOT EXISTS hash ON records (hash)"],
  inlineAgeIndex: "",
  ageIndex: ["CREATE INDEX IF NOT EXISTS age ON requests (at)"],
  suffix: "",
};
