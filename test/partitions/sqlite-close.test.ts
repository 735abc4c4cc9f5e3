import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { SqlitePartition } from "../../src/partitions/sql/sqlite-partition.ts";

it("a closed SQLite partition refuses calls instead of starting anew, until it is opened again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kvasir-close-"));
  const partition = new SqlitePartition("p1", join(folder, "p1.db"));
  await partition.initialise({ cluster: "c", partition: "p1" });
  await partition.open();
  const closing = partition.close();
  await assert.rejects(partition.progress(), /it is closed/);
  await closing;
  await assert.rejects(partition.owed(), /it is closed/);
  await partition.close();
  await partition.open();
  assert.deepEqual(await partition.owed(), []);
  await partition.close();
  rmSync(folder, { recursive: true });
});
