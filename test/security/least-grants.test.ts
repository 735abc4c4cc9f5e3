import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { PartitionError } from "../../src/partition.ts";
import { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import { schemaStatements } from "../../src/partitions/sql/schema.ts";
import { SqlPartition } from "../../src/partitions/sql/sql-partition.ts";
import { writeOf } from "../suites/partition/bench.ts";
import { partitionSuite, suiteIdentity } from "../suites/partition-suite.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";

/** The rights of the document, of the user that serves first and of the one that creates the tables. */
const [servingRights, creatingRights] = [
  ...readFileSync("docs/partitions.md", "utf8").matchAll(/^GRANT (.*) ON /gm),
].map(([, rights]) => rights!);

const serving = { user: "serving", password: "one" };
const creating = { user: "creating", password: "two" };

function databaseOf(server: MariadbServer, database: string, account: { user: string; password: string }) {
  const { host, port } = server;
  return new MysqlDatabase({
    name: suiteIdentity.partition,
    hosts: [{ host, port }],
    database,
    ...account,
    connectTimeoutMs: 10_000,
    queryTimeoutMs: 20_000,
    readConnections: 2,
    writeConnections: 3,
    strictDurability: true,
  });
}

/** A database with the two users, and nothing else that they may do. */
async function prepare(server: MariadbServer, database: string, rights = servingRights!): Promise<void> {
  const { user } = serving;
  await server.createDatabase(database);
  await server.administer(
    [
      `CREATE USER IF NOT EXISTS ${user}@'%' IDENTIFIED BY '${serving.password}'`,
      `CREATE USER IF NOT EXISTS ${creating.user}@'%' IDENTIFIED BY '${creating.password}'`,
      `GRANT ${rights} ON \`${database}\`.* TO ${user}@'%'`,
      `GRANT ${creatingRights} ON \`${database}\`.* TO ${creating.user}@'%'`,
    ].join(";"),
  );
}

/** What `kvasir init` does as the second user. */
async function initialise(server: MariadbServer, database: string): Promise<void> {
  const partition = new SqlPartition(suiteIdentity.partition, databaseOf(server, database, creating));
  await partition.initialise(suiteIdentity);
  await partition.close();
}

/** What a DBA does with the output of `kvasir init --print`. */
async function createTables(server: MariadbServer, database: string): Promise<void> {
  const connections = databaseOf(server, database, creating);
  await connections.open();
  await connections.read(async (session) => {
    for (const statement of schemaStatements("mysql")) await session.execute(statement, []);
  });
  await connections.close();
}

partitionSuite(`MariaDB with ${servingRights} alone`, async () => {
  const server = await startMariadb();
  await prepare(server, "test_least");
  await initialise(server, "test_least");
  const opened: SqlPartition[] = [];
  let bareCount = 0;
  const handle = (name: string, database = "test_least") => {
    const partition = new SqlPartition(name, databaseOf(server, database, serving));
    opened.push(partition);
    return partition;
  };
  const partition = handle(suiteIdentity.partition);
  await partition.open();
  return {
    partition,
    close: async () => {
      for (const each of opened) await each.close();
      await server.stop();
    },
    second: async () => {
      const second = handle(suiteIdentity.partition);
      await second.open();
      return second;
    },
    renamed: (name) => handle(name),
    bare: async () => {
      const database = `test_bare_${bareCount++}`;
      await prepare(server, database);
      await createTables(server, database);
      return () => handle("bare", database);
    },
  };
});

describe("the rights of the user that serves", () => {
  it("are all needed, and no others are", async () => {
    const server = await startMariadb();
    const rights = servingRights!.split(", ");
    assert.deepEqual(rights, ["SELECT", "INSERT", "UPDATE", "DELETE"]);
    const run = async (database: string, given: readonly string[]) => {
      await prepare(server, database, given.join(", "));
      await initialise(server, database);
      const partition = new SqlPartition(suiteIdentity.partition, databaseOf(server, database, serving));
      try {
        await partition.open();
        const [outcome] = await partition.write([writeOf("a", { owed: ["west"] })]);
        if (outcome!.kind === "failed") throw outcome!.error;
        await partition.settle((await partition.hints("west", "", 9)).map((hint) => ({ ...hint, target: "west" })));
      } finally {
        await partition.close();
      }
    };
    try {
      await run("test_all", rights);
      for (const missing of rights) {
        const rest = rights.filter((right) => right !== missing);
        await assert.rejects(run(`test_no_${missing.toLowerCase()}`, rest), PartitionError, missing);
      }
    } finally {
      await server.stop();
    }
  });

  it("do not reach other databases, tables' definitions or files", async () => {
    const server = await startMariadb();
    try {
      await prepare(server, "test_own");
      await server.createDatabase("test_foreign");
      await initialise(server, "test_own");
      const connections = databaseOf(server, "test_own", serving);
      await connections.open();
      for (const statement of [
        "CREATE TABLE test_foreign.t (a INT)",
        "CREATE TABLE t (a INT)",
        "DROP TABLE records",
        "ALTER TABLE records ADD COLUMN a INT",
        "SELECT LOAD_FILE('/etc/passwd') INTO OUTFILE '/tmp/out'",
        "SELECT authentication_string FROM mysql.global_priv",
        "GRANT SELECT ON test_own.* TO creating@'%'",
      ]) {
        const running = connections.read((session) => session.execute(statement, []));
        await assert.rejects(running, PartitionError, statement);
      }
      await connections.close();
    } finally {
      await server.stop();
    }
  });
});
