import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PartitionError, type WriteOutcome } from "../../src/partition.ts";
import type { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import type { SqlPartition } from "../../src/partitions/sql/sql-partition.ts";
import { formatVersion, stampAt, type Version } from "../../src/version.ts";
import { contentOf, failure, now, rangeOf, textOf, versionIn, writeOf } from "../suites/partition/bench.ts";
import { type HistoryOperation, isLinearizable } from "../support/linearizability.ts";
import type { Bench } from "./galera.test.ts";
import { databaseOn, partitionOn } from "./options.ts";

const update = "UPDATE numbers SET value = value + 1 WHERE id = ?";
const portQuery = "SELECT CAST(@@port AS SIGNED)";

const proposal = {
  epoch: 1,
  replicas: "all",
  members: [{ name: "east", weight: 1 }],
  gone: [],
} as const;

/** What members of one cluster do to each other, and what Kvasir makes of it. */
export function memberClaims(bench: Bench): void {
  describe("members", () => {
    const opened: { close(): Promise<void> }[] = [];
    let partitions: SqlPartition[];

    before(async () => {
      const [first] = bench.cluster.members;
      await first!.administer(`CREATE DATABASE test_members; CREATE DATABASE test_numbers;
        CREATE TABLE test_numbers.numbers (id INT PRIMARY KEY, value INT NOT NULL) ENGINE=InnoDB;
        INSERT INTO test_numbers.numbers VALUES (1, 0), (2, 0)`);
      partitions = await Promise.all([0, 1].map((member) => open(member)));
    });

    after(async () => {
      for (const each of opened) await each.close();
    });

    async function open(member: number, changes = {}): Promise<SqlPartition> {
      const partition = partitionOn(bench, member, "test_members", changes);
      opened.push(partition);
      await partition.initialise({ cluster: "store", partition: "east" });
      return partition;
    }

    async function numbersOn(member: number, changes = {}): Promise<MysqlDatabase> {
      const database = databaseOn(bench, member, "test_numbers", changes);
      opened.push(database);
      await database.open();
      return database;
    }

    async function portOf(database: MysqlDatabase): Promise<number> {
      const [row] = await database.read((session) => session.execute(portQuery, []));
      return Number(row![0]);
    }

    it("a transaction that loses against another member is done again, and its outcome is known", async () => {
      const [one, other] = [await numbersOn(0), await numbersOn(1)];
      let attempts = 0;
      await one.transaction(async (session) => {
        await session.execute(update, [1]);
        if (++attempts > 1) return;
        await other.transaction((theirs) => theirs.execute(update, [1]));
        // With nothing left to send but COMMIT, which meets the conflict.
        await untilStored(bench, 0, "SELECT value FROM test_numbers.numbers WHERE id = 1 AND value = 1");
      });
      assert.equal(attempts, 2);
      const [row] = await other.read((session) => session.execute("SELECT value FROM numbers WHERE id = 1", []));
      assert.equal(Number(row![0]), 2);
    });

    it("conditional writes through two members are linearizable, and none is lost", async () => {
      const key = "counter";
      const history: HistoryOperation<number>[] = [];
      let applied = 0;
      const count = async (worker: number) => {
        const partition = partitions[worker % 2]!;
        for (let round = 0; round < 12; round++) {
          const invoked = performance.now();
          const [record] = await partition.read([key]);
          const read = Number(textOf(record) ?? 0);
          history.push({
            name: `read ${read}`,
            invoked,
            answered: performance.now(),
            step: (state) => (state === read ? state : undefined),
          });
          const asked = performance.now();
          const condition =
            record === undefined ? { ifNoneMatch: "*" as const } : { ifMatch: [formatVersion(record.version)] };
          const outcome = await decided(partition, key, String(read + 1), condition);
          if (outcome === undefined) continue;
          const isApplied = outcome.kind === "applied";
          if (isApplied) applied++;
          history.push({
            name: `${outcome.kind} ${read + 1}`,
            invoked: asked,
            answered: performance.now(),
            step: (state) => ((state === read) === isApplied ? (isApplied ? read + 1 : state) : undefined),
          });
        }
      };
      await Promise.all(Array.from({ length: 4 }, (_, worker) => count(worker)));
      const [record] = await partitions[0]!.read([key]);
      assert.equal(Number(textOf(record)), applied);
      assert.ok(applied > 0);
      assert.ok(isLinearizable(history, 0), history.map(({ name }) => name).join(", "));
    });

    it("versions of a key written through two members only grow, with clocks that differ", async () => {
      let greatest: Version | undefined;
      for (let round = 0; round < 20; round++) {
        const stamp = stampAt(now + (round % 2 === 0 ? 60_000 : 0));
        const [outcome] = await partitions[round % 2]!.write([writeOf("growing", { stamp })]);
        const version = versionIn(outcome);
        assert.ok(greatest === undefined || version.stamp > greatest.stamp);
        greatest = version;
        const [record] = await partitions[(round + 1) % 2]!.read(["growing"]);
        assert.deepEqual(record?.version, version, "a read through another member was older than the answered write");
      }
    });

    it("a read or a list through a member that lags waits until it has what was answered before", async () => {
      const [one, other] = partitions as [SqlPartition, SqlPartition];
      await one.write([writeOf("lagging", { content: contentOf("old") })]);
      await other.read(["lagging"]);
      const lagging = await lag(bench, 1);
      const answered: string[] = [];
      let reading: Promise<unknown> = Promise.resolve();
      try {
        await one.write([writeOf("lagging", { content: contentOf("new") })]);
        const range = rangeOf({ start: "lagging", end: "lagginh", withValues: true });
        reading = Promise.all([
          other.read(["lagging"]).then(([record]) => answered.push(`read ${textOf(record)}`)),
          other.scan(range).then(({ records }) => answered.push(`list ${textOf(records[0])}`)),
        ]);
        // A session of its own, which does not wait, sees what they would have been given.
        const present = await bench.cluster.members[1]!.show(
          "SELECT 'value' AS Variable_name, CONVERT(value USING utf8mb4) AS Value FROM test_members.records WHERE `key` = 'lagging'",
        );
        assert.deepEqual([present.get("value"), answered], ["old", []]);
      } finally {
        await lagging.end();
      }
      await reading;
      assert.deepEqual(answered.sort(), ["list new", "read new"]);
    });

    it("a floor has risen when all members know of it, and not while one cannot be asked", async () => {
      const floor = stampAt(now - 1000);
      const short = await open(0, { hosts: databaseHosts(bench, [0, 1]) });
      const error = await failure(short.raise({ writeFloor: floor }));
      assert.equal(error.kind, "overloaded");
      assert.match(error.message, /2 of the 3 members/);
      assert.equal(await partitions[0]!.raise({ writeFloor: floor }), true);

      // A member that is behind: it takes nothing from the others, and they do not wait for it.
      const [, , behind] = bench.cluster.members;
      const lagging = await lag(bench, 2);
      try {
        const hasty = await open(0, { queryTimeoutMs: 1000 });
        const refused = await failure(hasty.raise({ writeFloor: floor + 5n }));
        assert.match(refused.message, /2 of the 3 members/);
      } finally {
        await lagging.end();
      }
      assert.equal(await partitions[0]!.raise({ writeFloor: floor + 5n }), true);
      const meta = await behind!.show(
        "SELECT CONVERT(name USING utf8mb4) AS Variable_name, CONVERT(value USING utf8mb4) AS Value FROM test_members.meta",
      );
      assert.equal(meta.get("write_floor"), String(floor + 5n));
    });

    it("of a promise and an acceptance through two members one knows of the other", async () => {
      for (let round = 0; round < 40; round++) {
        const [lesser, greater] = [`${1000 + round}a`, `${1000 + round}b`];
        await partitions[0]!.promise(lesser);
        const [isAccepted, promised] = await Promise.all([
          partitions[0]!.accept(lesser, proposal),
          partitions[1]!.promise(greater),
        ]);
        assert.equal(promised.promised, greater);
        if (isAccepted) assert.equal(promised.accepted?.ballot, lesser, `round ${round}`);
      }
    });

    it("a member outside of the primary component is passed over, left, and returned to", async () => {
      const { members } = bench.cluster;
      const [, , alone] = members;
      const numbers = await numbersOn(2);
      assert.equal(await portOf(numbers), alone!.port);
      await alone!.administer("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'");
      try {
        await untilStatus(alone!, "wsrep_ready", "OFF");
        await numbers.transaction((session) => session.execute(update, [2]));
        assert.equal(await portOf(numbers), members[0]!.port);
        assert.equal(await portOf(await numbersOn(2)), members[0]!.port);
        const lonely = databaseOn(bench, 2, "test_numbers", { hosts: databaseHosts(bench, [2]) });
        const error = await failure(lonely.open());
        assert.equal(error.kind, "unreachable");
        assert.match(error.message, /primary component/);
      } finally {
        await alone!.administer("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'");
      }
      await bench.cluster.untilReady(3);
      while ((await portOf(numbers)) !== alone!.port) await sleep(200);
      const [row] = await numbers.read((session) => session.execute("SELECT value FROM numbers WHERE id = 2", []));
      assert.equal(Number(row![0]), 1);
    });

    it("settings with which a cluster loses writes are named, and refused when durability must be strict", async () => {
      const [first] = bench.cluster.members;
      const relaxed = databaseOn(bench, 0, "test_numbers", { strictDurability: false });
      opened.push(relaxed);
      await first!.administer("SET GLOBAL wsrep_provider_options = 'pc.ignore_sb=true'");
      try {
        const { durability, durabilityNote } = await relaxed.open();
        assert.deepEqual([durability, durabilityNote], ["relaxed", "pc.ignore_sb is true"]);
        const error = await failure(numbersOn(0));
        assert.equal(error.kind, "refused");
        assert.match(error.message, /set pc.ignore_sb = false/);
      } finally {
        await first!.administer("SET GLOBAL wsrep_provider_options = 'pc.ignore_sb=false'");
      }
    });
  });
}

/** The outcome of a conditional write; `undefined` when it lost too many conflicts, and was not applied. */
async function decided(
  partition: SqlPartition,
  key: string,
  text: string,
  condition: NonNullable<Parameters<typeof writeOf>[1]>["condition"],
): Promise<WriteOutcome | undefined> {
  try {
    const [outcome] = await partition.write([
      writeOf(key, { content: contentOf(text), ...(condition && { condition }) }),
    ]);
    return outcome;
  } catch (error) {
    assert.ok(error instanceof PartitionError && error.outcome === "not_applied", `${error}`);
    assert.equal(error.kind, "overloaded");
    return undefined;
  }
}

function databaseHosts({ cluster }: Bench, members: readonly number[]) {
  return members.map((index) => ({ host: cluster.members[index]!.host, port: cluster.members[index]!.port }));
}

/** Keeps a member from applying what the others commit, until `end`. */
async function lag({ cluster }: Bench, index: number): Promise<{ end(): Promise<void> }> {
  const { createConnection } = await import("mariadb");
  const member = cluster.members[index]!;
  await member.administer("SET GLOBAL wsrep_desync = ON");
  const connection = await createConnection({ socketPath: member.socket, user: "root" });
  await connection.query("FLUSH TABLES WITH READ LOCK");
  return {
    end: async () => {
      await connection.query("UNLOCK TABLES");
      await connection.end();
      await member.administer("SET GLOBAL wsrep_desync = OFF");
    },
  };
}

async function untilStored({ cluster }: Bench, index: number, sql: string): Promise<void> {
  const { createConnection } = await import("mariadb");
  const connection = await createConnection({ socketPath: cluster.members[index]!.socket, user: "root" });
  try {
    while (((await connection.query(sql)) as unknown[]).length === 0) await sleep(10);
  } finally {
    await connection.end();
  }
}

async function untilStatus(member: Bench["cluster"]["members"][number], name: string, value: string): Promise<void> {
  while ((await member.show(`SHOW STATUS LIKE '${name}'`)).get(name) !== value) await sleep(50);
}
