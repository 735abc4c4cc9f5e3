import { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import { SqlPartition } from "../../src/partitions/sql/sql-partition.ts";
import { partitionSuite, suiteIdentity } from "../suites/partition-suite.ts";
import { startMariadb } from "../support/mariadb.ts";

partitionSuite("MariaDB", async () => {
  const server = await startMariadb();
  await server.createDatabase("test_east");
  const opened: SqlPartition[] = [];
  let bareCount = 0;
  const handle = (name: string, database = "test_east") => {
    const connections = new MysqlDatabase({
      name,
      hosts: [{ host: server.host, port: server.port }],
      database,
      user: server.user,
      password: server.password,
      connectTimeoutMs: 10_000,
      queryTimeoutMs: 20_000,
      readConnections: 2,
      writeConnections: 3,
      strictDurability: true,
    });
    const partition = new SqlPartition(name, connections);
    opened.push(partition);
    return partition;
  };
  const partition = handle(suiteIdentity.partition);
  await partition.initialise(suiteIdentity);
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
      await server.createDatabase(database);
      return () => handle("bare", database);
    },
  };
});
