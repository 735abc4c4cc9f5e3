import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { createConnection } from "mariadb";
import { PartitionError } from "../../src/partition.ts";
import type { Session } from "../../src/partitions/sql/database.ts";
import { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import type { MysqlOptions } from "../../src/partitions/sql/mysql-options.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const database = "test_numbers";
const insert = "INSERT INTO numbers (id, value) VALUES (?, ?)";
const readAll = "SELECT id FROM numbers ORDER BY id";

describe("MySQL database", { timeout: 120_000 }, () => {
  let server: MariadbServer;
  let proxy: TcpProxy;
  const opened: MysqlDatabase[] = [];

  before(async () => {
    server = await startMariadb();
    proxy = await TcpProxy.start(server);
    await server.createDatabase(database);
    await server.administer(`CREATE TABLE ${database}.numbers (id BIGINT PRIMARY KEY, value LONGBLOB NOT NULL)`);
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((each) => each.close()));
  });

  after(async () => {
    await proxy.close();
    await server.stop();
  });

  function optionsFor(changes: Partial<MysqlOptions> = {}): MysqlOptions {
    return {
      name: "east",
      hosts: [{ host: server.host, port: server.port }],
      database,
      user: server.user,
      password: server.password,
      connectTimeoutMs: 5000,
      queryTimeoutMs: 5000,
      readConnections: 2,
      writeConnections: 2,
      strictDurability: true,
      ...changes,
    };
  }

  async function open(changes: Partial<MysqlOptions> = {}): Promise<MysqlDatabase> {
    const opening = new MysqlDatabase(optionsFor(changes));
    opened.push(opening);
    await opening.open();
    return opening;
  }

  /** An empty table, and a database on it. */
  async function openEmpty(changes: Partial<MysqlOptions> = {}): Promise<MysqlDatabase> {
    await server.administer(`DELETE FROM ${database}.numbers`);
    return open(changes);
  }

  async function ids(from: MysqlDatabase): Promise<bigint[]> {
    const rows = await from.read((session) => session.execute(readAll, []));
    return rows.map((row) => row[0] as bigint);
  }

  it("says what it found", async () => {
    const east = new MysqlDatabase(optionsFor());
    opened.push(east);
    const { engine, durability, durabilityNote, valueBytesMax } = await east.open();
    assert.match(engine, /^MariaDB \d+\.\d+/);
    assert.equal(durability, "strict");
    assert.equal(durabilityNote, "");
    assert.equal(valueBytesMax, 16 * 2 ** 20 - 64 * 2 ** 10);
  });

  it("connects through a Unix socket", async () => {
    const local = await open({ socketPath: server.socket, hosts: [{ host: "nowhere.invalid", port: 1 }] });
    assert.equal((await local.read((session) => session.execute("SELECT 1", []))).length, 1);
  });

  it("refuses a wrong password without showing it", async () => {
    const error = await failure(open({ password: "wrong-horse" }));
    assert.equal(error.kind, "refused");
    assert.match(error.message, /kvasir/);
    assert.doesNotMatch(`${error.stack} ${error.cause}`, /wrong-horse/);
  });

  it("calls a missing database and a missing table uninitialised", async () => {
    assert.equal((await failure(open({ database: "test_missing" }))).kind, "uninitialised");
    const numbers = await open();
    const error = await failure(numbers.read((session) => session.execute("SELECT * FROM missing", [])));
    assert.equal(error.kind, "uninitialised");
    assert.match(error.message, /kvasir init/);
  });

  it("refuses an untrusted or absent TLS", async () => {
    assert.equal((await failure(open({ tls: { verify: true } }))).kind, "refused");
  });

  it("tries its hosts in turn and stays with the one that answers", async () => {
    const dead = { host: "127.0.0.1", port: 1 };
    const numbers = await openEmpty({ hosts: [dead, { host: server.host, port: server.port }] });
    await numbers.transaction((session) => session.execute(insert, [1, "x"]));
    assert.deepEqual(await ids(numbers), [1n]);
    const error = await failure(open({ hosts: [dead] }));
    assert.equal(error.kind, "unreachable");
    assert.match(error.message, /check host and port/);
  });

  it("carries the extremes of BIGINT, bytes of any value, and text as UTF-8", async () => {
    const numbers = await openEmpty();
    const extremes = [-(2n ** 63n), -1n, 0n, 2n ** 53n + 1n, 2n ** 63n - 1n];
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    await numbers.transaction(async (session) => {
      for (const id of extremes) await session.execute(insert, [id, every]);
      await session.execute(insert, [2 ** 53 - 1, "naïve 🦊"]);
      await session.execute(insert, [42, new Uint8Array(every.buffer, 250)]);
    });
    assert.deepEqual(
      await ids(numbers),
      [...extremes, 42n, 2n ** 53n - 1n].sort((a, b) => (a < b ? -1 : 1)),
    );
    const values = await numbers.read((session) =>
      session.execute("SELECT value FROM numbers WHERE id IN (?, ?, ?) ORDER BY id", [0n, 42, 2 ** 53 - 1]),
    );
    assert.deepEqual(
      values.map(([value]) => [...(value as Uint8Array)]),
      [[...every], [250, 251, 252, 253, 254, 255], [...Buffer.from("naïve 🦊")]],
    );
    const sums = await numbers.read((session) => session.execute("SELECT SUM(id), COUNT(*) FROM numbers", []));
    assert.deepEqual(sums, [[extremes.reduce((sum, id) => sum + id) + 42n + 2n ** 53n - 1n, 7n]]);
  });

  it("takes a value as large as it says, and rejects a larger one without losing the connection", async () => {
    const numbers = await openEmpty({ writeConnections: 1 });
    const { valueBytesMax } = await numbers.open();
    const large = Buffer.alloc(valueBytesMax, "abc");
    await numbers.transaction((session) => session.execute(insert, [1, large]));
    const [row] = await numbers.read((session) => session.execute("SELECT value FROM numbers", []));
    assert.ok(Buffer.from(row![0] as Uint8Array).equals(large));
    const before = await connectionId(numbers);
    const tooLarge = Buffer.alloc(valueBytesMax + 2 ** 16);
    const error = await failure(numbers.transaction((session) => session.execute(insert, [2, tooLarge])));
    assert.equal(error.kind, "rejected");
    assert.equal(await connectionId(numbers), before);
    assert.deepEqual(await ids(numbers), [1n]);
  });

  it("gives a small value that does not hold on to the network's chunk", async () => {
    const numbers = await openEmpty();
    await numbers.transaction(async (session) => {
      for (let id = 0; id < 100; id++) await session.execute(insert, [id, "v".repeat(500)]);
    });
    const rows = await numbers.read((session) => session.execute("SELECT value FROM numbers", []));
    for (const [value] of rows) assert.ok((value as Uint8Array).buffer.byteLength <= 1000);
  });

  it("sends statements at once and answers them in order, also when they are new to the connection", async () => {
    const numbers = await openEmpty({ readConnections: 1 });
    const order: number[] = [];
    await numbers.read(async (session) => {
      const texts = Array.from({ length: 300 }, (_, index) => `SELECT ${index % 150} + 0`);
      const answers = texts.map(async (sql, index) => {
        const [row] = await session.execute(sql, []);
        assert.equal(Number(row![0]), index % 150);
        order.push(index);
      });
      await Promise.all(answers);
    });
    assert.deepEqual(order, [...order.keys()]);
  });

  it("has all statements prepared that are new at once before it waits for any, and executes them in their order", async () => {
    const numbers = await openEmpty({ hosts: [proxy], readConnections: 1 });
    const texts = ["SELECT 'one'", "SELECT 'two'", "SELECT 'one'", "SELECT ?"];
    const sent: Buffer[] = [];
    const { promise: allSent, resolve } = Promise.withResolvers<void>();
    proxy.onSent = (chunk) => {
      sent.push(chunk);
      const all = Buffer.concat(sent);
      if (texts.every((text) => all.includes(text))) resolve();
    };
    try {
      await numbers.read(async (session) => {
        server.pause();
        const order: number[] = [];
        const answers = texts.map(async (sql, index) => {
          const [row] = await session.execute(sql, sql.includes("?") ? ["three"] : []);
          order.push(index);
          return Buffer.from(row![0] as Uint8Array).toString();
        });
        await Promise.race([allSent, ...answers]);
        server.resume();
        assert.deepEqual(await Promise.all(answers), ["one", "two", "one", "three"]);
        assert.deepEqual(order, [0, 1, 2, 3]);
      });
    } finally {
      proxy.onSent = undefined;
      server.resume();
    }
  });

  it("keeps no more prepared statements than a bound", async () => {
    const numbers = await openEmpty({ readConnections: 1 });
    for (let index = 0; index < 400; index++) {
      await numbers.read((session) => session.execute(`SELECT ${index} AS n`, []));
    }
    const [row] = await numbers.read((session) =>
      session.execute("SELECT variable_value FROM information_schema.global_status WHERE variable_name = ?", [
        "PREPARED_STMT_COUNT",
      ]),
    );
    assert.ok(Number(Buffer.from(row![0] as Uint8Array)) < 400);
  });

  it("commits also what its work did not wait for", async () => {
    const numbers = await openEmpty();
    await numbers.transaction(async (session) => {
      for (let id = 0; id < 50; id++) void session.execute(insert, [id, ""]);
    });
    assert.equal((await ids(numbers)).length, 50);
  });

  it("rolls everything back when a pipelined statement fails, and the connection can be used again", async () => {
    const numbers = await openEmpty({ writeConnections: 1 });
    const before = await connectionId(numbers);
    const inserting = numbers.transaction(async (session) => {
      void session.execute(insert, [1, ""]);
      void session.execute(insert, [1, "a duplicate"]);
      void session.execute(insert, [2, ""]);
    });
    const error = await failure(inserting);
    assert.equal(error.kind, "rejected");
    assert.equal(error.outcome, "not_applied");
    assert.deepEqual(await ids(numbers), []);
    await numbers.transaction((session) => session.execute(insert, [3, ""]));
    assert.deepEqual(await ids(numbers), [3n]);
    assert.equal(await connectionId(numbers), before);
  });

  it("rolls back when work throws, and passes its error on", async () => {
    const numbers = await openEmpty();
    const mistake = new TypeError("a mistake");
    let escaped: Session | undefined;
    const throwing = numbers.transaction(async (session) => {
      escaped = session;
      await session.execute(insert, [1, ""]);
      throw mistake;
    });
    await assert.rejects(throwing, mistake);
    assert.deepEqual(await ids(numbers), []);
    await assert.rejects(escaped!.execute(insert, [2, ""]), PartitionError);
  });

  it("leaves the other reads alone when one fails", async () => {
    const numbers = await openEmpty({ readConnections: 1 });
    const settled = await numbers.read((session) =>
      Promise.allSettled([
        session.execute("SELECT 1", []),
        session.execute("SELECT nonsense", []),
        session.execute("SELECT 2", []),
      ]),
    );
    assert.deepEqual(
      settled.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
  });

  it("starts again after a deadlock", async () => {
    const numbers = await openEmpty();
    await numbers.transaction((session) => session.execute("INSERT INTO numbers VALUES (1, ''), (2, '')", []));
    const other = await createConnection({ ...server, host: server.host, database });
    try {
      await other.query("SET SESSION innodb_lock_wait_timeout = 50");
      await other.beginTransaction();
      // The one that has changed more rows wins, so that ours loses.
      await other.query("INSERT INTO numbers VALUES (10, ''), (11, ''), (12, ''), (13, '')");
      await other.query("UPDATE numbers SET value = 'other' WHERE id = 2");
      let attempts = 0;
      let otherDone: Promise<unknown> | undefined;
      await numbers.transaction(async (session) => {
        attempts++;
        await session.execute("UPDATE numbers SET value = 'ours' WHERE id = 1", []);
        otherDone ??= other.query("UPDATE numbers SET value = 'other' WHERE id = 1").then(() => other.commit());
        await session.execute("UPDATE numbers SET value = 'ours' WHERE id = 2", []);
      });
      await otherDone;
      assert.ok(attempts > 1);
      const rows = await numbers.read((session) => session.execute("SELECT value FROM numbers WHERE id < 3", []));
      assert.deepEqual(
        rows.map(([value]) => Buffer.from(value as Uint8Array).toString()),
        ["ours", "ours"],
      );
    } finally {
      await other.end();
    }
  });

  it("calls itself overloaded when a lock is never given up, and applies nothing", async () => {
    const numbers = await openEmpty({ queryTimeoutMs: 2000 });
    await numbers.transaction((session) => session.execute(insert, [1, ""]));
    const other = await createConnection({ ...server, host: server.host, database });
    try {
      await other.beginTransaction();
      await other.query("UPDATE numbers SET value = 'other' WHERE id = 1");
      const waiting = numbers.transaction(async (session) => {
        await session.execute(insert, [2, ""]);
        await session.execute("UPDATE numbers SET value = 'ours' WHERE id = 1", []);
      });
      const error = await failure(waiting);
      assert.ok(error.kind === "overloaded" || error.kind === "unreachable");
      assert.equal(error.outcome, "not_applied");
      await other.rollback();
      assert.deepEqual(await ids(numbers), [1n]);
    } finally {
      await other.end();
    }
  });

  it("says that the outcome is unknown when the answer to COMMIT is lost, and the write may be there", async () => {
    const numbers = await openEmpty({ hosts: [{ host: proxy.host, port: proxy.port }] });
    const cut = proxy.cutAfterNextCommit();
    const error = await failure(numbers.transaction((session) => session.execute(insert, [7, ""])));
    await cut;
    assert.equal(error.outcome, "unknown");
    assert.equal(error.kind, "unreachable");
    assert.deepEqual(await ids(await open()), [7n]);
  });

  it("says that nothing was applied when the connection is lost before COMMIT", async () => {
    const numbers = await openEmpty({ hosts: [{ host: proxy.host, port: proxy.port }] });
    const cutting = numbers.transaction(async (session) => {
      await session.execute(insert, [8, ""]);
      proxy.reset();
      await session.execute(insert, [9, ""]);
    });
    const error = await failure(cutting);
    assert.equal(error.outcome, "not_applied");
    assert.equal(error.kind, "unreachable");
    assert.deepEqual(await ids(await open()), []);
  });

  it("ends calls into a network that swallows everything, and comes back with it", async () => {
    const hosts = [{ host: proxy.host, port: proxy.port }];
    const numbers = await openEmpty({ hosts, queryTimeoutMs: 500, connectTimeoutMs: 500 });
    await numbers.transaction((session) => session.execute(insert, [1, ""]));
    proxy.blackhole();
    const calls = Array.from({ length: 10 }, () => failure(ids(numbers)));
    for (const error of await Promise.all(calls)) assert.ok(["unreachable", "overloaded"].includes(error.kind));
    const error = await failure(numbers.transaction((session) => session.execute(insert, [2, ""])));
    assert.equal(error.outcome, "not_applied");
    proxy.heal();
    assert.deepEqual(await ids(numbers), [1n]);
  });

  it("ends calls to a server that is frozen, and comes back with it", async () => {
    const numbers = await openEmpty({ queryTimeoutMs: 500, connectTimeoutMs: 500 });
    await numbers.transaction((session) => session.execute(insert, [1, ""]));
    server.pause();
    try {
      const reading = failure(ids(numbers));
      const writing = failure(numbers.transaction((session) => session.execute(insert, [2, ""])));
      assert.equal((await reading).kind, "unreachable");
      assert.equal((await writing).outcome, "not_applied");
      assert.equal((await failure(ids(numbers))).kind, "unreachable");
    } finally {
      server.resume();
    }
    assert.deepEqual(await ids(numbers), [1n]);
  });

  it("fails at once when the server is killed, and comes back with it and everything acknowledged", async () => {
    const numbers = await openEmpty();
    const acknowledged: bigint[] = [];
    let isDown = false;
    const writing = (async () => {
      for (let id = 0n; !isDown; id++) {
        await numbers.transaction((session) => session.execute(insert, [id, ""]));
        acknowledged.push(id);
        if (acknowledged.length === 20) void server.kill();
      }
    })();
    const error = await failure(writing);
    isDown = true;
    assert.equal(error.kind, "unreachable");
    await server.kill();
    assert.equal((await failure(ids(numbers))).kind, "unreachable");
    await server.start();
    const found = new Set(await ids(numbers));
    assert.deepEqual(
      acknowledged.filter((id) => !found.has(id)),
      [],
    );
  });

  it("survives idle connections that the server closes", async () => {
    const numbers = await openEmpty();
    await numbers.transaction((session) => session.execute(insert, [1, ""]));
    await server.stop();
    await server.start();
    assert.deepEqual(await ids(numbers), [1n]);
    await numbers.transaction((session) => session.execute(insert, [2, ""]));
  });

  it("refuses more waiting calls than a bound", async () => {
    const numbers = await openEmpty({ readConnections: 1 });
    const calls = Array.from({ length: 1200 }, () => numbers.read((session) => session.execute("SELECT 1", [])));
    const settled = await Promise.allSettled(calls);
    const refused = settled.filter((each) => each.status === "rejected").map((each) => each.reason as PartitionError);
    assert.equal(refused.length, 1200 - 1024 - 1);
    assert.ok(refused.every((error) => error.kind === "overloaded"));
  });

  it("closes twice without harm, fails what is under way, and opens again", async () => {
    const numbers = await openEmpty();
    const sleeping = failure(numbers.read((session) => session.execute("SELECT SLEEP(30)", [])));
    const waiting = failure(numbers.read((session) => session.execute("SELECT SLEEP(30)", [])));
    const queued = failure(ids(numbers));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await numbers.close();
    await numbers.close();
    for (const error of await Promise.all([sleeping, waiting, queued])) assert.equal(error.kind, "unreachable");
    assert.equal((await failure(ids(numbers))).kind, "unreachable");
    await numbers.open();
    assert.deepEqual(await ids(numbers), []);
  });

  describe("on a server that is set up otherwise", () => {
    it("reports relaxed durability, and refuses it when it must be strict", async () => {
      await server.administer("SET GLOBAL innodb_flush_log_at_trx_commit = 2");
      try {
        const { durability, durabilityNote } = await new MysqlDatabase(optionsFor({ strictDurability: false })).open();
        assert.equal(durability, "relaxed");
        assert.match(durabilityNote, /innodb_flush_log_at_trx_commit is 2/);
        const error = await failure(open());
        assert.equal(error.kind, "refused");
        assert.match(error.message, /durability = "relaxed"/);
      } finally {
        await server.administer("SET GLOBAL innodb_flush_log_at_trx_commit = 1");
      }
    });

    it("refuses a read-only server, and a writer meets it as unreachable", async () => {
      const numbers = await openEmpty();
      await server.administer("SET GLOBAL read_only = ON");
      try {
        assert.equal((await failure(open())).kind, "refused");
        const error = await failure(numbers.transaction((session) => session.execute(insert, [1, ""])));
        assert.equal(error.kind, "unreachable");
        assert.equal(error.outcome, "not_applied");
      } finally {
        await server.administer("SET GLOBAL read_only = OFF");
      }
    });

    it("lowers its largest value with max_allowed_packet, and refuses less than 1 MiB", async () => {
      try {
        await server.administer(`SET GLOBAL max_allowed_packet = ${2 ** 20}`);
        assert.equal((await new MysqlDatabase(optionsFor()).open()).valueBytesMax, 2 ** 20 - 2 ** 16);
        await server.administer(`SET GLOBAL max_allowed_packet = ${2 ** 19}`);
        const error = await failure(open());
        assert.equal(error.kind, "refused");
        assert.match(error.message, /max_allowed_packet/);
      } finally {
        await server.administer(`SET GLOBAL max_allowed_packet = ${2 ** 24}`);
      }
    });

    it("is strict and reads committed whatever the server's defaults are", async () => {
      await server.administer(
        "SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'; SET GLOBAL tx_isolation = 'SERIALIZABLE'",
      );
      try {
        const numbers = await openEmpty();
        const modes = await numbers.transaction((session) =>
          session.execute("SELECT @@sql_mode, @@tx_isolation, @@autocommit, @@character_set_client", []),
        );
        const [mode, isolation, autocommit, charset] = modes[0]!.map((cell) =>
          cell instanceof Uint8Array ? Buffer.from(cell).toString() : Number(cell),
        );
        assert.match(`${mode}`, /STRICT_ALL_TABLES/);
        assert.doesNotMatch(`${mode}`, /ANSI_QUOTES|BACKSLASH|PIPES/);
        assert.deepEqual([isolation, autocommit, charset], ["READ-COMMITTED", 0, "utf8mb4"]);
      } finally {
        await server.administer("SET GLOBAL sql_mode = DEFAULT; SET GLOBAL tx_isolation = DEFAULT");
      }
    });
  });
});

async function connectionId(of: MysqlDatabase): Promise<number> {
  const [row] = await of.transaction((session) => session.execute("SELECT CONNECTION_ID()", []));
  return Number(row![0]);
}

async function failure(promise: Promise<unknown>): Promise<PartitionError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof PartitionError, `${(error as Error).stack}`);
    return error;
  }
  throw new assert.AssertionError({ message: "it succeeded" });
}
