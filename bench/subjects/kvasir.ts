import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../src/config.ts";
import { createPartition } from "../../src/open-store.ts";
import type { Record } from "../../src/record.ts";
import { stampAt } from "../../src/version.ts";
import type { MariadbServer } from "../../test/support/mariadb.ts";
import type { Environment } from "../environment.ts";
import { startPrinting } from "../processes.ts";
import type { Contender } from "../subject.ts";
import { keyOf } from "../wrk.ts";
import { fillName, HttpSubject } from "./http-subject.ts";

const cluster = "bench";
/** Records that are loaded in one transaction. */
const loadedAtOnce = 5000;

export interface KvasirOptions {
  /** How many MariaDB partitions, each on a server of its own; 0 for SQLite. */
  readonly mariadb: number;
  readonly workers?: number;
  /** So many keys of 128 bytes are stored before it starts, past the server. */
  readonly keys?: number;
}

/** A deployment that is ready to be served from, and how to start the server on it. */
export interface Deployment {
  /** Of Node.js. */
  readonly args: readonly string[];
  readonly folder: string;
  readonly databases: readonly MariadbServer[];
}

export function kvasir(name: string, options: KvasirOptions): Contender {
  return {
    name: `Kvasir, ${name}`,
    isDurable: true,
    ...(options.keys !== undefined && { keys: options.keys }),
    start: async (environment) => startKvasir(await deploy(environment, options), options),
  };
}

export async function startKvasir(deployment: Deployment, options: KvasirOptions): Promise<HttpSubject> {
  const { folder, databases, args } = deployment;
  const server = await startPrinting(process.execPath, args, folder);
  const filled = options.keys === undefined ? [] : [fillName({ keys: options.keys, bytes: 128 })];
  if (databases.length === 0) return new HttpSubject({ dialect: "kv", servers: [server], filled });
  const isSettled = async () => (await owed(server.url)) === 0;
  return new HttpSubject({ dialect: "kv", servers: [server], databases, filled, isSettled });
}

export async function deploy(
  environment: Environment,
  { mariadb, workers = 1, keys }: KvasirOptions,
): Promise<Deployment> {
  const folder = environment.folder("kvasir");
  const { name, servers } = mariadb === 0 ? { name: "", servers: [] } : await environment.database(mariadb);
  const file = join(folder, "kvasir.toml");
  writeFileSync(file, configuration(name, servers), { mode: 0o600 });
  if (keys !== undefined) await store(file, folder, keys);
  const args = [environment.program(), "serve", "--port", "0", "--config", file, "--workers", String(workers)];
  return { args, folder, databases: servers };
}

function configuration(database: string, servers: readonly MariadbServer[]): string {
  if (servers.length === 0)
    return `cluster = "${cluster}"\npartitions = 1\n[partition-1]\nurl = "sqlite:./partition-1.db"\n`;
  const sections = servers.map(
    ({ host, port, user, password }, index) =>
      `[partition-${index + 1}]\nurl = "mysql://${user}@${host}:${port}/${database}"\npassword = "${password}"\n`,
  );
  return `cluster = "${cluster}"\npartitions = ${servers.length}\n${sections.join("")}`;
}

/** Keys as wrk asks for them, through the partitions' own code: a million takes half a minute. */
async function store(file: string, cwd: string, keys: number): Promise<void> {
  const config = loadConfig({ file, env: {}, flags: { "timeouts.query": "10m" }, cwd });
  const value = Buffer.alloc(128, "x");
  const version = { stamp: stampAt(Date.now() - 60_000), writer: 1 };
  for (const partitionConfig of config.partitions) {
    const partition = await createPartition(partitionConfig, config);
    await partition.initialise({ cluster, partition: partitionConfig.name });
    for (let start = 0; start < keys; start += loadedAtOnce) {
      const count = Math.min(loadedAtOnce, keys - start);
      const records = Array.from({ length: count }, (_, index): Record => {
        const key = keyOf(start + index, 128);
        return { key, version, isTombstone: false, value, type: "text/plain", metadata: "", expires: 0 };
      });
      await partition.apply(records);
    }
    await partition.close();
  }
}

/** How many writes its partitions owe each other. */
async function owed(url: string): Promise<number> {
  const response = await fetch(`${url}/status`, { headers: { Accept: "application/json" } });
  const { partitions } = (await response.json()) as { partitions: { owed?: { count: number }[] }[] };
  return partitions.flatMap((partition) => partition.owed ?? []).reduce((sum, { count }) => sum + count, 0);
}
