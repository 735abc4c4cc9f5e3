import { createServer } from "node:http";
import { createStorage } from "unstorage";
import { createStorageServer } from "unstorage/server";

/** unstorage's own server. Arguments: `memory`, `fs FOLDER` or `mysql HOST PORT USER PASSWORD DATABASE`. Prints its URL. */
const [kind, ...args] = process.argv.slice(2);
const storage = createStorage({ driver: await driver() });
const server = createServer(createStorageServer(storage).handle);
server.listen(0, "127.0.0.1", () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`));

async function driver() {
  if (kind === "memory") return (await import("unstorage/drivers/memory")).default();
  if (kind === "fs") return (await import("unstorage/drivers/fs")).default({ base: args[0] });
  const [host, port, user, password, database] = args;
  const { createDatabase } = await import("db0");
  const { default: connector } = await import("db0/connectors/mysql2");
  const connection = connector({ host, port: Number(port), user, password, database });
  return (await import("unstorage/drivers/db0")).default({ database: createDatabase(connection) });
}
