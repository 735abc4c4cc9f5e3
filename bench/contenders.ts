import type { Contender } from "./subject.ts";
import { mariadb, mysql2, redis } from "./subjects/clients.ts";
import { kvasir } from "./subjects/kvasir.ts";
import { bare, etcd, pouchdb, unstorageFiles, unstorageMemory, unstorageMysql, webdis } from "./subjects/peers.ts";

/** Kvasir, as the cases have it. */
export const sqlite = kvasir("SQLite", { mariadb: 0 });
export const one = kvasir("1 MariaDB", { mariadb: 1 });
export const three = kvasir("3 MariaDB, all replicas, w=1", { mariadb: 3 });
export const sqliteOfTwo = kvasir("SQLite, 2 workers", { mariadb: 0, workers: 2 });
export const oneOfTwo = kvasir("1 MariaDB, 2 workers", { mariadb: 1, workers: 2 });
export const sqliteMillion = kvasir("SQLite, 1 million keys", { mariadb: 0, keys: 1_000_000 });
export const oneMillion = kvasir("1 MariaDB, 1 million keys", { mariadb: 1, keys: 1_000_000 });
export const sqliteTenMillion = kvasir("SQLite, 10 million keys", { mariadb: 0, keys: 10_000_000 });

export const kvasirs: readonly Contender[] = [sqlite, one, three];
export const peers: readonly Contender[] = [
  webdis,
  etcd,
  unstorageMemory,
  unstorageFiles,
  unstorageMysql,
  pouchdb,
  redis,
  mysql2,
  mariadb,
];
export { bare, etcd, mysql2, unstorageMysql, webdis };
