import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import { SqlPartition } from "../../src/partitions/sql/sql-partition.ts";
import type { Record } from "../../src/record.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";

const value = Buffer.alloc(100 * 1024, "0123456789abcdef");

describe("a MariaDB with the smallest packets that are accepted", { timeout: 120_000 }, () => {
  let server: MariadbServer;
  let partition: SqlPartition;

  before(async () => {
    server = await startMariadb({ args: ["--max-allowed-packet=1M"] });
    await server.createDatabase("test_packets");
    const connections = new MysqlDatabase({
      name: "east",
      hosts: [{ host: server.host, port: server.port }],
      database: "test_packets",
      user: server.user,
      password: server.password,
      connectTimeoutMs: 10_000,
      queryTimeoutMs: 30_000,
      readConnections: 1,
      writeConnections: 1,
      strictDurability: true,
    });
    partition = new SqlPartition("east", connections);
    await partition.initialise({ cluster: "store", partition: "east" });
  });

  after(async () => {
    await partition.close();
    await server.stop();
  });

  function records(count: number, prefix: string, content: Partial<Record> = {}): Record[] {
    return Array.from({ length: count }, (_, index) => ({
      key: `${prefix}${index}`.padEnd(1024, "k"),
      version: { stamp: 5n, writer: 1 },
      isTombstone: false,
      value,
      type: "t".repeat(255),
      metadata: "",
      expires: 0,
      ...content,
    }));
  }

  async function assertThere(expected: readonly Record[]): Promise<void> {
    for (const record of expected) {
      const [found] = await partition.read([record.key]);
      assert.ok(found !== undefined && Buffer.from(record.value).equals(found.value));
      assert.equal(found.metadata, record.metadata);
    }
  }

  it("takes a large batch of records of 100 KiB, and their greater versions", async () => {
    const batch = records(300, "large");
    assert.equal(await partition.apply(batch), 0);
    await assertThere(batch);
    const greater = batch.map((record) => ({ ...record, version: { stamp: 6n, writer: 1 }, value: value.subarray(1) }));
    assert.equal(await partition.apply(greater.toReversed()), 0);
    await assertThere(greater);
  });

  it("takes them as writes", async () => {
    const batch = records(100, "written");
    const writes = batch.map(({ key, version, ...content }) => {
      return { key, content, stamp: version.stamp, writer: 1, now: 1, owed: ["west"], standIn: false, epoch: 0 };
    });
    const outcomes = await partition.write(writes);
    assert.ok(outcomes.every(({ kind }) => kind === "applied"));
    await assertThere(batch);
  });

  it("takes many records with much metadata", async () => {
    const batch = records(512, "described", { value: Buffer.alloc(0), metadata: `{"a":"${"b".repeat(16_000)}"}` });
    assert.equal(await partition.apply(batch), 0);
    await assertThere(batch);
  });

  it("takes the largest values, among small ones", async () => {
    const { valueBytesMax } = await partition.open();
    const largest = records(5, "largest", { value: Buffer.alloc(valueBytesMax, "v") });
    const small = records(20, "small", { value: Buffer.from("s") });
    const batch = [...small, ...largest].sort((a, b) => (a.key.length % 2) - (b.key.length % 2));
    assert.equal(await partition.apply(batch), 0);
    await assertThere(batch);
  });
});
