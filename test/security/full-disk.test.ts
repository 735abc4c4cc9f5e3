import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Server, startServer, temporaryFolder } from "../cli/kvasir.ts";
import { startMariadb } from "../support/mariadb.ts";
import { mountSmallDisk, type SmallDisk } from "../support/small-disk.ts";

const folder = temporaryFolder();
const cwd = folder.path;
after(() => folder.remove());

const large = 256 * 1024;
const body = (letter: string, bytes = large) => letter.repeat(bytes);

async function put({ url }: Server, key: string, value: string): Promise<number> {
  const response = await fetch(`${url}/kv/${key}`, { method: "PUT", body: value });
  const text = await response.text();
  if (response.status === 507) assert.match(text, /"code":"storage_full"/);
  return response.status;
}

async function get({ url }: Server, key: string): Promise<string | undefined> {
  const response = await fetch(`${url}/kv/${key}`);
  const text = await response.text();
  return response.status === 200 ? text : undefined;
}

/** Fills the partition, and gives the keys that were acknowledged and the statuses of those that were not. */
async function fill(server: Server): Promise<{ acknowledged: string[]; refused: Set<number> }> {
  const acknowledged: string[] = [];
  const refused = new Set<number>();
  for (let number = 0; refused.size === 0; number++) {
    assert.ok(number < 1000, "it is never full");
    const status = await put(server, `k${number}`, body(String(number % 10)));
    if (status === 201) acknowledged.push(`k${number}`);
    else refused.add(status);
  }
  return { acknowledged, refused };
}

async function checkAll(server: Server, acknowledged: readonly string[]): Promise<void> {
  for (const [number, key] of acknowledged.entries()) assert.equal(await get(server, key), body(String(number % 10)));
}

/** What has to hold of every engine once its room is used up, until `makeRoom` was called, and then. */
async function checkFull(server: Server, makeRoom: () => unknown): Promise<void> {
  assert.equal(await put(server, "before", body("b")), 201);
  const { acknowledged, refused } = await fill(server);
  assert.deepEqual([...refused], [507]);
  const missed = `k${acknowledged.length}`;
  assert.equal(await get(server, missed), undefined, "nothing half-written");
  assert.equal(await put(server, "before", body("X", 4 * large)), 507);
  assert.equal(await get(server, "before"), body("b"), "what was there before is there still");
  const operations = [
    { op: "put", key: missed, value: body("m", 4 * large) },
    { op: "get", key: "before" },
  ];
  const headers = { "Content-Type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(operations) };
  const { results } = (await (await fetch(`${server.url}/batch`, init)).json()) as { results: { status: number }[] };
  assert.deepEqual(
    results.map(({ status }) => status),
    [507, 200],
  );
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200, "reads go on");
  await checkAll(server, acknowledged);
  await makeRoom();
  while ((await put(server, missed, body("m"))) === 507) await sleep(100);
  assert.equal(await get(server, missed), body("m"));
  assert.equal(await put(server, "before", body("X", 4 * large)), 204);
  await checkAll(server, acknowledged);
}

describe("a partition that is full answers 507, keeps what it had, and goes on once there is room", () => {
  it("on SQLite, when the file system is full", async (test) => {
    const disk = mount(test, join(cwd, "sqlite"), "tmpfs");
    if (disk === undefined) return;
    const server = await startServer(cwd, ["--partition-1-url", `sqlite:${disk.path}/p.db`]);
    disk.fill(4 * 1024 * 1024);
    await checkFull(server, () => disk.makeRoom());
    assert.equal(await server.stop(), 0);
  });

  it("on MariaDB, when the table space has reached its greatest size", async () => {
    const args = ["--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:24M"];
    const database = await startMariadb({ args });
    await database.createDatabase("test_full");
    const filler =
      "CREATE TABLE test_full.filler (v LONGBLOB); INSERT INTO test_full.filler VALUES (REPEAT('x', 6000000))";
    await database.administer(filler);
    const server = await startServer(cwd, urlOf(database), secret(database));
    await checkFull(server, () => database.administer("DROP TABLE test_full.filler"));
    assert.equal(await server.stop(), 0);
    await database.stop();
  });
});

describe("a MariaDB server whose file system is full", () => {
  it("loses nothing that was acknowledged, whether it says so or dies of it, and is used again when it is back", async (test) => {
    const database = await startMariadb();
    await database.createDatabase("test_full");
    // The tables of one database are files in a folder of their own.
    const disk = mount(test, join(dirname(database.socket), "test_full"), "ext4");
    if (disk === undefined) return database.stop();
    const server = await startServer(cwd, urlOf(database), secret(database));
    disk.fill(1024 * 1024);
    const { acknowledged, refused } = await fill(server);
    for (const status of refused) assert.ok([503, 504, 507].includes(status), String(status));
    disk.makeRoom();
    await database.kill();
    await database.start();
    while ((await put(server, "after", body("a"))) >= 500) await sleep(100);
    await checkAll(server, acknowledged);
    assert.equal(await server.stop(), 0);
    await database.kill();
  });
});

function urlOf({ port, user }: { port: number; user: string }): string[] {
  return ["--partition-1-url", `mysql://${user}@127.0.0.1:${port}/full`];
}

function secret({ password }: { password: string }): { [name: string]: string } {
  return { KVASIR_PARTITION_1_PASSWORD: password };
}

function mount(test: TestContext, path: string, kind: "tmpfs" | "ext4"): SmallDisk | undefined {
  const disk = mountSmallDisk(path, 24 * 2 ** 20, kind);
  if (typeof disk === "string") test.skip(disk);
  else test.after(() => disk.unmount());
  return typeof disk === "string" ? undefined : disk;
}
