import { readFileSync } from "node:fs";
import { assembleStore, type StorePartition } from "./assemble-store.ts";
import type { Config, MysqlConfig, PartitionConfig } from "./config.ts";
import { ConfigError } from "./errors.ts";
import { adoptCluster } from "./identity.ts";
import type { Partition } from "./partition.ts";
import { SqlPartition } from "./partitions/sql/sql-partition.ts";
import { SqlitePartition } from "./partitions/sql/sqlite-partition.ts";
import { type BatchingOptions, batching } from "./replicas/batching.ts";
import type { Log } from "./replicas/replica.ts";
import { systemRuntime } from "./runtime.ts";
import type { Store } from "./store.ts";

export interface OpenOptions {
  readonly isSyncing: boolean;
  /** The configuration as it is by then: asked when the store has a partition that `config` does not have. */
  readonly reload?: () => Config;
}

/**
 * Opens the store that `config` describes. The schema is created where it is missing; a partition that cannot be
 * reached is taken in later. Without `isSyncing` nothing happens in the background.
 *
 * @throws ConfigError when a partition is not what the configuration says, or not set up as needed.
 */
export async function openStore(config: Config, log: Log, options: OpenOptions = { isSyncing: true }): Promise<Store> {
  const partitions = await Promise.all(config.partitions.map((partition) => storePartition(partition, config)));
  try {
    const cluster = await adoptCluster(
      partitions.map(({ partition }) => partition),
      config.cluster,
    );
    return await assembleStore(partitions, {
      cluster,
      replicas: config.replicas,
      standIn: config.standIn,
      requestTimeoutMs: config.timeouts.requestMs,
      catchUpMs: config.timeouts.catchUpMs,
      purgeAfterMs: config.sync.purgeAfterMs,
      passIntervalMs: config.sync.passIntervalMs,
      purgeIntervalMs: config.sync.purgeIntervalMs,
      isSyncing: options.isSyncing,
      configuredTokens: config.tokens,
      configured: () => (options.reload?.() ?? config).partitions,
      reload: async (name) => {
        const fresh = options.reload?.() ?? config;
        const found = fresh.partitions.find((partition) => partition.name === name);
        return found && storePartition(found, fresh);
      },
      runtime: systemRuntime,
      log,
    });
  } catch (error) {
    await Promise.allSettled(partitions.map(({ partition }) => partition.close()));
    throw error;
  }
}

export interface InitialisedPartition {
  readonly name: string;
  /** The version that its tables have now. */
  readonly schemaVersion?: number;
  /** Why it is not ready, with the mend; `undefined` when it is. */
  readonly error?: Error;
}

/** Creates the schema on every partition that can be reached, or brings it up to date. Harmless when repeated. */
export async function initialisePartitions(config: Config): Promise<InitialisedPartition[]> {
  const partitions = await Promise.all(config.partitions.map((partition) => createPartition(partition, config)));
  try {
    await adoptCluster(partitions, config.cluster);
    return await Promise.all(
      partitions.map(async (partition) => {
        const { name } = partition;
        return partition.open().then(
          ({ schemaVersion }) => ({ name, schemaVersion }),
          (error: Error) => ({ name, error }),
        );
      }),
    );
  } finally {
    await Promise.allSettled(partitions.map((partition) => partition.close()));
  }
}

async function storePartition(partition: PartitionConfig, config: Config): Promise<StorePartition> {
  const { name, weight, displayUrl } = partition;
  const lanes = { ...lanesOf(partition), waitMsMax: config.timeouts.queueMs };
  return {
    name,
    weight,
    displayUrl,
    partition: batching(await createPartition(partition, config), systemRuntime, lanes),
  };
}

/** The engine of one configured partition, without batching. */
export async function createPartition({ name, engine }: PartitionConfig, config: Config): Promise<Partition> {
  if (engine.kind === "sqlite") return new SqlitePartition(name, engine.file);
  const { hosts, database, user, connections } = engine;
  const tls = readTls(name, engine);
  // Its client takes a tenth of a second to load, which a store on SQLite need not wait for.
  const { MysqlDatabase } = await import("./partitions/sql/mysql-database.ts");
  return new SqlPartition(
    name,
    new MysqlDatabase({
      name,
      hosts,
      database,
      user,
      password: engine.password ?? "",
      ...(tls && { tls }),
      connectTimeoutMs: config.timeouts.connectMs,
      queryTimeoutMs: config.timeouts.queryMs,
      readConnections: connections.reads,
      writeConnections: connections.writes,
      strictDurability: config.durability === "strict",
    }),
  );
}

function lanesOf({ engine }: PartitionConfig): Omit<BatchingOptions, "waitMsMax"> {
  // Of large values the thread reads one while the one before is taken from it.
  if (engine.kind === "sqlite") return { readLanes: 1, largeLanes: 2, writeLanes: 2, commitsInTurn: true };
  return { readLanes: engine.connections.reads, writeLanes: engine.connections.writes };
}

function readTls(name: string, { tls }: MysqlConfig) {
  if (tls === undefined) return undefined;
  const read = (setting: string, file: string | undefined) => {
    if (file === undefined) return {};
    try {
      return { [setting]: readFileSync(file, "utf8") };
    } catch (error) {
      throw new ConfigError(`${name}.tls_${setting}: cannot read ${file} (${(error as Error).message})`);
    }
  };
  return { ...read("ca", tls.caFile), ...read("cert", tls.certFile), ...read("key", tls.keyFile), verify: tls.verify };
}
