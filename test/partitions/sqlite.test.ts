import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqlitePartition } from "../../src/partitions/sql/sqlite-partition.ts";
import { partitionSuite, suiteIdentity } from "../suites/partition-suite.ts";

partitionSuite("SQLite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kvasir-sqlite-"));
  const file = join(folder, "test_east.db");
  const opened: SqlitePartition[] = [];
  let bareCount = 0;
  const handle = (name: string, path = file) => {
    const partition = new SqlitePartition(name, path);
    opened.push(partition);
    return partition;
  };
  const partition = handle(suiteIdentity.partition);
  await partition.initialise(suiteIdentity);
  await partition.open();
  return {
    partition,
    close: async () => {
      for (const each of opened) await each.close();
      rmSync(folder, { recursive: true });
    },
    second: async () => {
      const second = handle(suiteIdentity.partition);
      await second.open();
      return second;
    },
    renamed: (name) => handle(name),
    bare: async () => {
      const path = join(folder, `test_bare_${bareCount++}.db`);
      return () => handle("bare", path);
    },
  };
});
