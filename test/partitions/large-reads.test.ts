import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Partition, smallBytesMax } from "../../src/partition.ts";
import { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import { SqlPartition } from "../../src/partitions/sql/sql-partition.ts";
import { batching } from "../../src/replicas/batching.ts";
import { systemRuntime } from "../../src/runtime.ts";
import { type Server, startServer, temporaryFolder } from "../cli/kvasir.ts";
import { contentOf, writeOf } from "../suites/partition/bench.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";

const largeCount = 40;
const largeBytes = 2 ** 20;
const readLanes = 4;

/** A text that differs from key to key all over. */
function textAt(index: number, bytes = largeBytes): string {
  return `value ${index} `.repeat(Math.ceil(bytes / 8)).slice(0, bytes);
}

let mariadb: MariadbServer;
before(async () => {
  mariadb = await startMariadb();
});
after(() => mariadb.stop());

describe("many reads of large values at once, on MariaDB", () => {
  it("hold two of them in memory, and small ones beside them travel as one", async () => {
    await mariadb.createDatabase("test_large");
    const { host, port, user, password } = mariadb;
    const database = new MysqlDatabase({
      name: "p1",
      hosts: [{ host, port }],
      database: "test_large",
      user,
      password,
      connectTimeoutMs: 10_000,
      queryTimeoutMs: 20_000,
      readConnections: readLanes,
      writeConnections: 1,
      strictDurability: true,
    });
    const direct = new SqlPartition("p1", database);
    await direct.initialise({ cluster: "c", partition: "p1" });
    const large = Array.from({ length: largeCount }, (_, index) => `large-${index}`);
    const small = Array.from({ length: largeCount }, (_, index) => `small-${index}`);
    for (const [index, key] of large.entries()) {
      await direct.write([writeOf(key, { content: contentOf(textAt(index)) })]);
    }
    await direct.write(small.map((key, index) => writeOf(key, { content: contentOf(textAt(index, smallBytesMax)) })));

    let underWay = 0;
    let underWayMax = 0;
    const lengths: number[] = [];
    const watched: Partition = Object.assign(Object.create(direct) as Partition, {
      read: async (keys: readonly string[]) => {
        underWay += keys.length;
        underWayMax = Math.max(underWayMax, underWay);
        try {
          return await direct.read(keys);
        } finally {
          underWay -= keys.length;
        }
      },
      readSmall: (keys: readonly string[]) => {
        lengths.push(keys.length);
        return direct.readSmall(keys);
      },
    });
    const partition = batching(watched, systemRuntime, { readLanes, writeLanes: 1, waitMsMax: 60_000 });
    try {
      const keys = large.flatMap((key, index) => [key, small[index]!]);
      const records = await partition.read(keys);
      for (const [index, record] of records.entries()) {
        assert.equal(record?.key, keys[index]);
        const expected = textAt(Math.floor(index / 2), index % 2 === 0 ? largeBytes : smallBytesMax);
        assert.ok(Buffer.from(record!.value).equals(Buffer.from(expected)), keys[index]!);
      }
      assert.deepEqual(lengths, [keys.length]);
      assert.ok(underWayMax <= readLanes / 2, `${underWayMax} at once`);
    } finally {
      await direct.close();
    }
  });
});

describe("GETs of large values at once, on MariaDB", () => {
  let server: Server;
  const folder = temporaryFolder();
  before(async () => {
    await mariadb.createDatabase("test_http");
    const url = `mysql://${mariadb.user}:${mariadb.password}@127.0.0.1:${mariadb.port}/test_http`;
    const times = ["--timeouts-queue", "60s", "--timeouts-query", "20s", "--timeouts-request", "60s"];
    server = await startServer(folder.path, ["--partition-1-url", url, ...times]);
  });
  after(() => folder.remove());

  it("are all answered, and so is what changes, tests and lists them", async () => {
    const at = (key: string) => `${server.url}/kv/${key}`;
    const document = JSON.stringify({ text: textAt(1), count: 1 });
    for (let index = 0; index < largeCount; index++) {
      assert.equal((await fetch(at(`l/${index}`), { method: "PUT", body: textAt(index) })).status, 201);
    }
    const json = { "Content-Type": "application/json" };
    assert.equal((await fetch(at("document"), { method: "PUT", body: document, headers: json })).status, 201);

    await Promise.all(
      Array.from({ length: 3 * largeCount }, async (_, number) => {
        const answer = await fetch(at(`l/${number % largeCount}`));
        assert.equal(answer.status, 200);
        assert.equal(await answer.text(), textAt(number % largeCount));
      }),
    );
    const patch = { method: "PATCH", body: '{"count":2}', headers: { "Content-Type": "application/merge-patch+json" } };
    assert.equal((await fetch(at("document"), patch)).status, 204);
    assert.deepEqual(await (await fetch(at("document"))).json(), { text: textAt(1), count: 2 });
    const range = await fetch(at("l/7"), { headers: { Range: "bytes=1000000-1000009" } });
    assert.deepEqual([range.status, await range.text()], [206, textAt(7).slice(1_000_000, 1_000_010)]);
    const head = await fetch(at("l/7"), { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("Content-Length")], [200, String(largeBytes)]);
    const list = await fetch(`${server.url}/kv?prefix=l/&values=true&limit=3`);
    const { keys } = (await list.json()) as { keys: { value: string }[] };
    assert.deepEqual(
      keys.map(({ value }) => value),
      [0, 1, 10].map((index) => textAt(index)),
    );
  });
});
