import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, afterEach, before, describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { PartitionError } from "../../src/partition.ts";
import type { Database } from "../../src/partitions/sql/database.ts";
import { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import { text } from "../../src/partitions/sql/rows.ts";
import { type SchemaStep, schemaSteps, schemaText, stepStatements } from "../../src/partitions/sql/schema-steps.ts";
import { SqlPartition } from "../../src/partitions/sql/sql-partition.ts";
import { SqliteDatabase } from "../../src/partitions/sql/sqlite-database.ts";
import { begun, type Topology } from "../../src/topology/topology.ts";
import { failure, rangeOf, suiteIdentity, writeOf } from "../suites/partition/bench.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";

/** An engine whose databases can be filled with SQL text. */
interface Engine {
  readonly dialect: "mysql" | "sqlite";
  start(): Promise<void>;
  stop(): Promise<void>;
  run(database: string, sql: string): Promise<void>;
  /** Another connection to it, as another program has one. */
  connect(database: string): Database;
}

let server: MariadbServer;
const created = new Set<string>();
const mariadb: Engine = {
  dialect: "mysql",
  start: async () => {
    server = await startMariadb();
  },
  stop: () => server.stop(),
  run: async (database, sql) => {
    if (!created.has(database)) await server.createDatabase(database);
    created.add(database);
    await server.administer(`USE \`${database}\`; ${sql}`);
  },
  connect: (database) => mysqlOf(database, server),
};

function mysqlOf(database: string, { user, password }: { user: string; password: string }): MysqlDatabase {
  const limits = { connectTimeoutMs: 10_000, queryTimeoutMs: 20_000, readConnections: 2, writeConnections: 2 };
  const hosts = [{ host: server.host, port: server.port }];
  return new MysqlDatabase({ name: "east", hosts, database, user, password, ...limits, strictDurability: true });
}

let folder = "";
const sqlite: Engine = {
  dialect: "sqlite",
  start: async () => {
    folder = mkdtempSync(join(tmpdir(), "kvasir-steps-"));
  },
  stop: async () => rmSync(folder, { recursive: true }),
  run: async (database, sql) => {
    const handle = new DatabaseSync(join(folder, database));
    handle.exec(sql);
    handle.close();
  },
  connect: (database) => new SqliteDatabase("east", join(folder, database)),
};

/** What a later Kvasir may do: add a column and an index beside the programs of today, and take them away in the end. */
const laterSteps: readonly SchemaStep[] = [
  ...schemaSteps,
  {
    version: 3,
    kind: "expand",
    statements: (dialect) => [
      "ALTER TABLE records ADD COLUMN note BIGINT NOT NULL DEFAULT 0",
      dialect === "mysql"
        ? "ALTER TABLE records ADD INDEX note (note)"
        : "CREATE INDEX IF NOT EXISTS note ON records (note)",
    ],
  },
  {
    version: 4,
    kind: "contract",
    statements: (dialect) =>
      dialect === "mysql"
        ? ["ALTER TABLE records DROP INDEX note", "ALTER TABLE requests MODIFY id VARBINARY(300) NOT NULL"]
        : ["DROP INDEX IF EXISTS note"],
  },
];
const versionOneSteps: readonly SchemaStep[] = [];

/** A program that is killed after `statementsLeft` statements of a migration. */
function killed(database: Database, statementsLeft: number): Database {
  return {
    dialect: database.dialect,
    open: () => database.open(),
    read: (work) => database.read(work),
    transaction: (work) => database.transaction(work),
    close: () => database.close(),
    define: async (statements) => {
      for (const statement of statements) {
        if (statementsLeft-- === 0) throw new PartitionError("unreachable", "east", "killed");
        await database.define([statement]);
      }
    },
  };
}

for (const engine of [mariadb, sqlite]) {
  describe(`tables of schema version 1 on ${engine.dialect}`, () => {
    before(engine.start);
    after(engine.stop);

    const fixture = readFileSync(`test/fixtures/schema-1-${engine.dialect}.sql`, "utf8");
    let count = 0;
    const opened: SqlPartition[] = [];
    /** A database of version 1 with data in it, and programs that know `steps`. */
    const load = async () => {
      const database = `test_steps_${count++}`;
      await engine.run(database, fixture);
      const program = (steps = schemaSteps, statementsLeft = Number.POSITIVE_INFINITY) => {
        const partition = new SqlPartition("east", killed(engine.connect(database), statementsLeft), steps);
        opened.push(partition);
        return partition;
      };
      return { database, program };
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((partition) => partition.close()));
    });

    /** How the tables are made, in the engine's words. */
    const structureOf = async (database: string): Promise<string[]> => {
      const connection = engine.connect(database);
      await connection.open();
      const queries =
        engine.dialect === "mysql"
          ? ["meta", "records", "outbox", "requests"].map((table) => `SHOW CREATE TABLE ${table}`)
          : ["SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_master WHERE sql <> '' ORDER BY name"];
      const rows = await connection.read(async (session) => {
        const found = [];
        for (const query of queries) found.push(...(await session.execute(query, [])));
        return found;
      });
      await connection.close();
      return rows.map((row) => text(row[1]));
    };
    const metaOf = async (database: string): Promise<Map<string, string>> => {
      const connection = engine.connect(database);
      await connection.open();
      const rows = await connection.read((session) => session.execute("SELECT name, value FROM meta", []));
      await connection.close();
      return new Map(rows.map((row) => [text(row[0]), text(row[1])]));
    };
    const freshStructure = async (steps = schemaSteps) => {
      const database = `test_steps_${count++}`;
      await engine.run(database, "SELECT 1");
      const partition = new SqlPartition("east", engine.connect(database), steps);
      opened.push(partition);
      await partition.initialise(suiteIdentity);
      return { structure: await structureOf(database), meta: await metaOf(database) };
    };

    it("become what new ones are, and keep all that they hold", async () => {
      const { database, program } = await load();
      const partition = program();
      const info = await partition.open();
      assert.equal(info.schemaVersion, 2);
      assert.equal(info.progress.pass, 2);
      const { records } = await partition.scan(rangeOf({ withValues: true }));
      assert.deepEqual(
        records.map(({ key, value }) => [key, Buffer.from(value).toString("latin1").slice(0, 7)]),
        [
          ["bytes", "\0\x01\x02\x03\x04\x05\x06"],
          ["empty", ""],
          ["greeting", "hello"],
          ["once", "paid"],
          ["søppel/🗑", '{"a":1}'],
        ],
      );
      assert.deepEqual(await partition.scrub("", 100), { damaged: [], rows: 6, last: undefined });
      assert.equal((await partition.recall("once", "r-1"))?.digest, "d-1");
      assert.deepEqual(
        (await partition.hints("west", "", 9)).map(({ key, standIn }) => [key, standIn]),
        [
          ["gone", true],
          ["greeting", false],
        ],
      );
      assert.deepEqual(
        (await partition.tokens()).map(({ name }) => name),
        ["ci"],
      );
      const fresh = await freshStructure();
      assert.deepEqual(await structureOf(database), fresh.structure);
      const meta = await metaOf(database);
      for (const name of ["schema_version", "schema_step"]) assert.equal(meta.get(name), fresh.meta.get(name));
    });

    it("have room for a topology afterwards", async () => {
      const { database, program } = await load();
      await program().open();
      const connection = engine.connect(database);
      await connection.open();
      const topology = "t".repeat(16_384);
      await connection.transaction((session) =>
        session.execute("INSERT INTO meta (name, value) VALUES (?, ?)", ["topology", topology]),
      );
      await connection.close();
      assert.equal((await metaOf(database)).get("topology"), topology);
    });

    it("serve an older program all the while, which may begin anew beside the newer one", async () => {
      const { program } = await load();
      const older = program(versionOneSteps);
      await older.open();
      let isOver = false;
      let written = 0;
      const work = async (writer: number) => {
        while (!isOver) {
          const key = `beside/${writer}/${written++}`;
          const [outcome] = await older.write([writeOf(key, { owed: ["west"] })]);
          assert.equal(outcome?.kind, "applied");
          assert.equal((await older.read([key]))[0]?.key, key);
          await older.progress();
          // SQLite answers without ever waiting here.
          await nextTurn();
        }
      };
      const working = [work(0), work(1), work(2)];
      while (written < 20) await nextTurn();
      const newer = program();
      assert.equal((await newer.open()).schemaVersion, 2);
      const until = written + 20;
      while (written < until) await nextTurn();
      isOver = true;
      await Promise.all(working);
      const again = program(versionOneSteps);
      await again.open();
      for (const partition of [older, again, newer]) {
        const [outcome] = await partition.write([writeOf("both")]);
        assert.equal(outcome?.kind, "applied");
      }
      const { records } = await newer.scan(rangeOf({ start: "beside/", end: "beside0" }));
      assert.equal(records.length, written);
      assert.deepEqual((await newer.scrub("", 5000)).damaged, []);
    });

    it("are finished by the next program, wherever one was killed", async () => {
      const statements = laterSteps.flatMap((step) => stepStatements(step, engine.dialect)).length;
      let finished: string[] | undefined;
      for (let done = 0; done <= statements; done++) {
        const { database, program } = await load();
        const opening = program(laterSteps, done).open();
        if (done < statements) assert.match((await failure(opening)).message, /killed/);
        else await opening;
        assert.equal((await program(laterSteps).open()).schemaVersion, 4);
        const structure = await structureOf(database);
        finished ??= structure;
        assert.deepEqual(structure, finished, `after ${done} statements`);
        assert.equal((await metaOf(database)).get("schema_version"), "4");
      }
    });

    it("may be brought forward by several programs at once, also by ones that know less", async () => {
      const { database, program } = await load();
      await Promise.all([program().open(), program(laterSteps.slice(0, 2)).open(), program().open()]);
      const meta = await metaOf(database);
      assert.equal(meta.get("schema_step"), "3");
      assert.equal(meta.get("schema_version"), "1");
    });

    it("refuse a program that is too old once something was taken away, while it runs and when it begins", async () => {
      const { database, program } = await load();
      const older = program();
      await older.open();
      await program(laterSteps).open();
      const refused = [
        () => older.write([writeOf("late")]),
        () => older.apply([{ ...writeOf("late").content, key: "late", version: { stamp: 2n ** 60n, writer: 1 } }]),
        () => program().open(),
        () => program().initialise(suiteIdentity),
        () => program(versionOneSteps).open(),
      ];
      const structure = await structureOf(database);
      for (const call of refused) {
        const error = await failure(call());
        assert.equal(error.kind, "refused");
        assert.match(error.reason, /of version 4 and need a program that knows version 4.*use a newer Kvasir/);
      }
      assert.deepEqual((await program(laterSteps).open()).schemaVersion, 4);
      assert.deepEqual(await structureOf(database), structure);
      const { records } = await older.scan(rangeOf({ start: "late", end: "latf" }));
      assert.deepEqual(records, []);
    });

    it("serve a program that knows no topology until the first change of it, and refuse it from then on", async () => {
      const { database, program } = await load();
      const older = program(versionOneSteps);
      await older.open();
      const newer = program();
      await newer.open();
      const members = ["east", "west"].map((name) => ({ name, weight: 1 }));
      const founded: Topology = { epoch: 1, members, replicas: 2, gone: [] };
      await newer.adopt(founded);
      // One that knows no epoch writes whatever it is; what knows all of it must name the present one to write as it would.
      const asBefore = (key: string, epoch = 1) => [{ ...writeOf(key), epoch }];
      assert.equal((await older.write(asBefore("between")))[0]?.kind, "applied");
      await program(versionOneSteps).open();

      // Writes all the while, and is stopped by nothing but the refusal.
      const written: string[] = [];
      const writing = (async () => {
        for (let number = 0; ; number++) {
          const [outcome] = await older.write(asBefore(`old/${number}`));
          assert.equal(outcome?.kind, "applied");
          written.push(`old/${number}`);
          await nextTurn();
        }
      })();
      const stopped = failure(writing);
      while (written.length < 5) await nextTurn();
      await newer.adopt(begun(founded, { kind: "weight", name: "west", weight: 2 }, "id"));
      const refused = [
        () => stopped.then((error) => Promise.reject(error)),
        () => older.write(asBefore("late", 2)),
        () => older.apply([{ ...writeOf("late").content, key: "late", version: { stamp: 2n ** 60n, writer: 1 } }]),
        () => program(versionOneSteps).open(),
        () => program(versionOneSteps).initialise(suiteIdentity),
      ];
      for (const call of refused) {
        const error = await failure(call());
        assert.equal(error.kind, "refused");
        assert.match(error.reason, /need a program that knows version 2, this one knows 1; use a newer Kvasir/);
      }
      assert.equal((await metaOf(database)).get("schema_version"), "2");
      assert.equal((await newer.write([{ ...writeOf("new"), epoch: 2 }]))[0]?.kind, "applied");
      const again = program();
      assert.equal((await again.open()).topology?.epoch, 2);
      assert.deepEqual(
        (await again.read([...written, "between", "late"])).map((record) => record?.key),
        [...written, "between", undefined],
      );
    });

    it("become the same by what `kvasir init --print` prints, which may be run again and on new ones", async () => {
      const { database, program } = await load();
      const bare = `test_steps_${count++}`;
      const fresh = await freshStructure();
      for (const each of [database, bare]) {
        for (let time = 0; time < 2; time++) await engine.run(each, schemaText(engine.dialect));
        assert.deepEqual(await structureOf(each), fresh.structure);
      }
      assert.equal((await metaOf(database)).get("schema_step"), "2");
      assert.equal((await program(schemaSteps, 0).open()).schemaVersion, 2);
      const founded = new SqlPartition("east", engine.connect(bare));
      opened.push(founded);
      await founded.initialise(suiteIdentity);
      assert.equal((await metaOf(bare)).get("schema_version"), "1");
    });

    if (engine !== mariadb) return;

    it("say who may change them to a user that may not", async () => {
      const { database, program } = await load();
      await server.administer(`CREATE USER serving@'%' IDENTIFIED BY 'one';
        GRANT SELECT, INSERT, UPDATE, DELETE ON \`${database}\`.* TO serving@'%'`);
      const serving = new SqlPartition("east", mysqlOf(database, { user: "serving", password: "one" }));
      opened.push(serving);
      const error = await failure(serving.open());
      assert.equal(error.kind, "refused");
      assert.match(
        error.reason,
        /of version 1 and this program needs 2; run `kvasir init` as the user that created them/,
      );
      await program().open();
      assert.equal((await serving.open()).schemaVersion, 2);
    });

    it("wait for a session that uses them without holding others up, and change when it has ended", async () => {
      const { database, program } = await load();
      const older = program(versionOneSteps);
      await older.open();
      const backup = mysqlOf(database, server);
      await backup.open();
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      const held = backup.transaction(async (session) => {
        await session.execute("SELECT COUNT(*) FROM meta", []);
        await ended;
      });
      const migrating = program().open();
      for (let turn = 0; turn < 20; turn++) {
        const [outcome] = await older.write([writeOf(`meanwhile/${turn}`)]);
        assert.equal(outcome?.kind, "applied");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.equal((await metaOf(database)).has("schema_step"), false);
      end();
      await held;
      assert.equal((await migrating).schemaVersion, 2);
      await backup.close();
    });
  });
}
