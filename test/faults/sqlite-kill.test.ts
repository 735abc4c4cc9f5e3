import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { SqlPartition } from "../../src/partitions/sql/sql-partition.ts";
import { SqliteDatabase } from "../../src/partitions/sql/sqlite-database.ts";
import { type Server, startServer } from "../cli/kvasir.ts";
import { contents, pause, startWorkload, untilDelivered, valueAt } from "./workload.ts";

const kills = 6;
const names = ["partition-1", "partition-2", "partition-3"];

it("two front ends that are killed over and over lose no acknowledged write on SQLite", {
  timeout: 240_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "kvasir-kill-"));
  const start = (port: string) => startServer(folder, ["--partitions", "3", "--port", port]);
  // The port stays the same when a front end is started again.
  const servers: Server[] = [await start("0"), await start("0")];
  const urls = servers.map(({ url }) => url);
  const workload = startWorkload(urls, 16);
  try {
    for (let kill = 0; kill < kills; kill++) {
      await pause(250 + kill * 60);
      const victim = kill % servers.length;
      await servers[victim]!.stop("SIGKILL");
      servers[victim] = await start(new URL(urls[victim]!).port);
    }
    await pause(250);
    await workload.stop();
    assert.ok(workload.acknowledged > 100, `only ${workload.acknowledged} writes were acknowledged`);
    await Promise.all(urls.map(untilDelivered));
    for (const url of urls) await workload.check((key) => valueAt(url, key));
  } finally {
    await workload.stop();
    for (const server of servers) await server.stop("SIGKILL");
  }

  const copies = [];
  for (const name of names) {
    const partition = new SqlPartition(name, new SqliteDatabase(name, join(folder, "data", `test_${name}.db`)));
    await partition.open();
    copies.push(await contents(partition));
    await partition.close();
  }
  assert.deepEqual(copies[1], copies[0], "a write had no hint for the second partition");
  assert.deepEqual(copies[2], copies[0], "a write had no hint for the third partition");
  rmSync(folder, { recursive: true });
});
