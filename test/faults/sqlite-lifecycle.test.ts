import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import { SqlPartition } from "../../src/partitions/sql/sql-partition.ts";
import { SqliteDatabase } from "../../src/partitions/sql/sqlite-database.ts";
import { kvasir, type Server, startServer } from "../cli/kvasir.ts";
import { contents, untilDelivered, valueAt } from "./workload.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kvasir-life-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const start = (partitions: number) =>
  startServer(folder, ["--partitions", String(partitions), "--sync-pass-interval", "1s"]);
const fileOf = (number: number) => join(folder, "data", `test_partition-${number}.db`);

async function contentsOf(number: number): Promise<string[]> {
  const name = `partition-${number}`;
  const partition = new SqlPartition(name, new SqliteDatabase(name, fileOf(number)));
  await partition.open();
  const found = await contents(partition);
  await partition.close();
  return found;
}

async function put(server: Server, count: number, text: string): Promise<void> {
  const send = async (number: number) => {
    const response = await fetch(`${server.url}/kv/key-${number}`, { method: "PUT", body: `${text} ${number}` });
    assert.ok(response.ok);
  };
  await Promise.all(Array.from({ length: count }, (_, number) => send(number)));
}

/** Resolves when a pass has begun and ended after now, so that every counter has grown. */
async function untilCompared(server: Server): Promise<void> {
  const lastPass = async () => {
    const response = await fetch(`${server.url}/status?format=json`);
    return ((await response.json()) as { sync: { lastPass?: { at: string } } }).sync.lastPass?.at;
  };
  for (let turn = 0; turn < 2; turn++) {
    const before = await lastPass();
    while ((await lastPass()) === before) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until the partition has joined and is filled. */
async function untilMember(url: string, name: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/status`, { headers: { accept: "application/json" } });
    const { partitions } = (await response.json()) as { partitions: { name: string; state: string }[] };
    if (partitions.some((partition) => partition.name === name && partition.state === "steady")) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

it("a partition that is added to the configuration is filled before it is read from", async () => {
  const before = await start(2);
  await put(before, 400, "first");
  await before.stop();
  const after = await start(3);
  // From the first moment on, every key is there, although the new partition is the home of a third of them.
  for (let number = 0; number < 400; number += 7) {
    assert.equal(await valueAt(after.url, `key-${number}`), `first ${number}`);
  }
  await untilMember(after.url, "partition-3");
  await untilDelivered(after.url);
  await after.stop();
  assert.deepEqual(await contentsOf(3), await contentsOf(1));
  assert.equal((await contentsOf(3)).length, 400);
});

it("a partition that was restored from an old backup becomes equal again, and nothing deleted comes back", async () => {
  let server = await start(3);
  await put(server, 100, "first");
  await untilDelivered(server.url);
  await untilCompared(server);
  await server.stop();
  cpSync(fileOf(2), join(folder, "backup.db"));
  server = await start(3);
  await put(server, 50, "second");
  for (let number = 90; number < 100; number++) await fetch(`${server.url}/kv/key-${number}`, { method: "DELETE" });
  await untilDelivered(server.url);
  await untilCompared(server);
  await server.stop();
  for (const suffix of ["-wal", "-shm"]) rmSync(fileOf(2) + suffix, { force: true });
  cpSync(join(folder, "backup.db"), fileOf(2));

  server = await start(3);
  assert.match(server.log(), /partition is recovering/);
  for (let number = 0; number < 100; number++) {
    const expected = number < 50 ? `second ${number}` : number < 90 ? `first ${number}` : undefined;
    assert.equal(await valueAt(server.url, `key-${number}`), expected);
  }
  await untilDelivered(server.url);
  await server.stop();
  assert.deepEqual(await contentsOf(2), await contentsOf(1));
  assert.deepEqual(await contentsOf(3), await contentsOf(1));
});

it("kvasir sync delivers and compares without a front end, and kvasir check says what differs", async () => {
  const server = await start(2);
  await put(server, 100, "first");
  await server.stop("SIGKILL");
  const synced = await kvasir(["sync", "--partitions", "2", "--json"], { cwd: folder });
  assert.equal(synced.code, 0, synced.stderr);
  assert.equal((JSON.parse(synced.stdout) as { owed: number }).owed, 0);
  assert.deepEqual(await contentsOf(2), await contentsOf(1));

  const partition = new SqlPartition("partition-2", new SqliteDatabase("partition-2", fileOf(2)));
  await partition.open();
  const [record] = await partition.read(["key-1"]);
  await partition.remove([record!]);
  await partition.close();
  const checked = await kvasir(["check", "--partitions", "2"], { cwd: folder });
  assert.equal(checked.code, 1);
  assert.match(checked.stdout, /100 records, 1 differing, 0 mended/);
  const repaired = await kvasir(["check", "--repair", "--partitions", "2"], { cwd: folder });
  assert.equal(repaired.code, 0, repaired.stdout);
  assert.equal((await kvasir(["check", "--partitions", "2"], { cwd: folder })).code, 0);
  const mistaken = await kvasir(["sync", "--partition", "partition-9", "--partitions", "2"], { cwd: folder });
  assert.equal(mistaken.code, 2);
});
