import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/config.ts";
import { createPartition } from "../../src/open-store.ts";
import { kvasir, type Server, spawnKvasir, startServer } from "../cli/kvasir.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { contents } from "./workload.ts";

/** MariaDB servers behind proxies, front ends and sync processes: what is put through its paces here. */
export interface Deployment {
  readonly databases: readonly MariadbServer[];
  readonly proxies: readonly TcpProxy[];
  readonly servers: Server[];
  readonly urls: readonly string[];
  /** Kills a front end and starts it again on its port. */
  restart(server: number): Promise<void>;
  /** Gives a server an empty disk and sets the partition up again, as an administrator would. */
  replace(database: number): Promise<void>;
  /** The live records of each partition, as text. */
  contents(): Promise<string[][]>;
  stop(): Promise<void>;
}

const settings = (connectTimeout: string, queryTimeout: string) => `
[timeouts]
connect = "${connectTimeout}"
query = "${queryTimeout}"

[sync]
pass_interval = "2s"
`;

export async function deploy(options: {
  databases: number;
  servers: number;
  syncs: number;
  /** How long a server is waited for: a busy machine meets a short time without any fault. @default ["1s", "2s"] */
  timeouts?: readonly [connect: string, query: string];
}): Promise<Deployment> {
  const [connectTimeout, queryTimeout] = options.timeouts ?? ["1s", "2s"];
  const folder = mkdtempSync(join(tmpdir(), "kvasir-faults-"));
  const databases = await Promise.all(Array.from({ length: options.databases }, () => startMariadb()));
  for (const database of databases) await database.createDatabase("test_kvasir");
  const proxies = await Promise.all(databases.map((database) => TcpProxy.start(database)));
  const file = join(folder, "kvasir.toml");
  const sections = databases.map(
    ({ user, password }, index) => `
[partition-${index + 1}]
url = "mysql://${user}@127.0.0.1:${proxies[index]!.port}/kvasir"
password = "${password}"
`,
  );
  writeFileSync(
    file,
    `partitions = ${databases.length}\n${settings(connectTimeout, queryTimeout)}${sections.join("")}`,
  );
  const servers: Server[] = [];
  for (let index = 0; index < options.servers; index++) servers.push(await startServer(folder, ["--port", "0"]));
  const urls = servers.map(({ url }) => url);
  const syncs: ChildProcess[] = Array.from({ length: options.syncs }, () =>
    spawnKvasir(["sync", "--every", "1s"], { cwd: folder }),
  );
  for (const child of syncs) {
    child.stdout?.resume();
    child.stderr?.resume();
  }

  return {
    databases,
    proxies,
    servers,
    urls,
    restart: async (index) => {
      await servers[index]!.stop("SIGKILL");
      servers[index] = await startServer(folder, ["--port", new URL(urls[index]!).port]);
    },
    replace: async (index) => {
      const database = databases[index]!;
      await database.destroyData();
      await database.start();
      await database.createDatabase("test_kvasir");
      const { code, stderr } = await kvasir(["init"], { cwd: folder });
      if (code !== 0) throw new Error(`kvasir init: ${stderr}`);
    },
    contents: async () => {
      const given = loadConfig({ file, env: { KVASIR_ENV: "test" }, flags: {}, cwd: folder });
      // Not the subject of any test: a server that has just come back may take its time on a busy machine.
      const config = { ...given, timeouts: { ...given.timeouts, connectMs: 20_000, queryMs: 20_000 } };
      const found: string[][] = [];
      for (const each of config.partitions) {
        const partition = await createPartition(each, config);
        await partition.open();
        found.push(await contents(partition));
        await partition.close();
      }
      return found;
    },
    stop: async () => {
      for (const child of syncs) child.kill("SIGKILL");
      for (const server of servers) await server.stop("SIGKILL");
      for (const proxy of proxies) await proxy.close();
      await Promise.all(databases.map((database) => database.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
