import { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import type { MysqlOptions } from "../../src/partitions/sql/mysql-options.ts";
import { SqlPartition } from "../../src/partitions/sql/sql-partition.ts";
import type { Bench } from "./galera.test.ts";

/** A database over all members, the given one first in its URL. */
export function databaseOn(
  { cluster }: Bench,
  first: number,
  database: string,
  changes: Partial<MysqlOptions> = {},
): MysqlDatabase {
  const { members } = cluster;
  const hosts = members.map((_, turn) => {
    const { host, port } = members[(first + turn) % members.length]!;
    return { host, port };
  });
  return new MysqlDatabase({
    name: changes.name ?? "east",
    hosts,
    database,
    user: members[0]!.user,
    password: members[0]!.password,
    connectTimeoutMs: 10_000,
    queryTimeoutMs: 20_000,
    readConnections: 2,
    writeConnections: 3,
    strictDurability: true,
    ...changes,
  });
}

export function partitionOn(
  bench: Bench,
  first: number,
  database: string,
  changes: Partial<MysqlOptions> = {},
): SqlPartition {
  return new SqlPartition(changes.name ?? "east", databaseOn(bench, first, database, changes));
}
