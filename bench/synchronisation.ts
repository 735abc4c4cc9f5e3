import { join } from "node:path";
import type { Partition } from "../src/partition.ts";
import { MysqlDatabase } from "../src/partitions/sql/mysql-database.ts";
import { SqlPartition } from "../src/partitions/sql/sql-partition.ts";
import { SqlitePartition } from "../src/partitions/sql/sqlite-partition.ts";
import type { Record } from "../src/record.ts";
import { batching } from "../src/replicas/batching.ts";
import { Replica } from "../src/replicas/replica.ts";
import { ReplicaSet } from "../src/replicas/replica-set.ts";
import { systemRuntime } from "../src/runtime.ts";
import { AntiEntropy } from "../src/sync/anti-entropy.ts";
import { Handoff } from "../src/sync/handoff.ts";
import { stampAt } from "../src/version.ts";
import type { Environment } from "./environment.ts";
import { measureLag } from "./lag.ts";
import type { SynchronisationResult } from "./results.ts";

const differences = 1000;
const owedCount = 100_000;
const lanes = { readLanes: 1, writeLanes: 2, waitMsMax: 10_000 };
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Two partitions with their schema. */
type Pair = readonly [Partition, Partition];

/** What synchronisation takes: comparing, mending and handing off, and how far behind a replica is. */
export async function measureSynchronisation(
  environment: Environment,
  { records, seconds }: { records: number; seconds: number },
): Promise<SynchronisationResult[]> {
  const results: SynchronisationResult[] = [];
  const sqlitePair = () => prepare(sqlitePartitions(environment.folder("sync")));
  const mariadbPair = async () => prepare(await mariadbPartitions(environment));
  for (const [engine, open] of [
    ["SQLite", sqlitePair],
    ["MariaDB", mariadbPair],
  ] as const) {
    const add = (what: string, value: number, unit: string) => results.push({ engine, what, value, unit });
    const pair = await open();
    const { replicas, close } = await connect(pair);
    const options = { replicas, runtime: systemRuntime, log, catchUpMs: 1000 };
    if (engine === "SQLite") {
      const { equalMs, mendMs } = await compare(pair, new AntiEntropy(options), records);
      add(`pass over two equal replicas of ${records} records`, equalMs / 1000, "s");
      add(`finding and mending ${differences} differences among them`, mendMs / 1000, "s");
    }
    const handoff = new Handoff(options);
    add(`handoff of ${owedCount} records to one target`, await handOff(pair, replicas, handoff), "keys/s");
    await close();
    const lag = await measureLag(await open(), lanes, seconds);
    add(`replica behind an acknowledged write, ${lag.writesPerSecond} writes/s, p50`, lag.p50Ms, "ms");
    add(`replica behind an acknowledged write, ${lag.writesPerSecond} writes/s, p99`, lag.p99Ms, "ms");
  }
  return results;
}

function sqlitePartitions(folder: string): Pair {
  return [new SqlitePartition("p1", join(folder, "p1.db")), new SqlitePartition("p2", join(folder, "p2.db"))];
}

async function mariadbPartitions(environment: Environment): Promise<Pair> {
  const { name: database, servers } = await environment.database(2);
  const limits = { connectTimeoutMs: 10_000, queryTimeoutMs: 60_000, readConnections: 4, writeConnections: 2 };
  const [p1, p2] = servers.map(({ host, port, user, password }, index) => {
    const name = `p${index + 1}`;
    const options = { name, hosts: [{ host, port }], database, user, password, strictDurability: false, ...limits };
    return new SqlPartition(name, new MysqlDatabase(options));
  });
  return [p1!, p2!];
}

async function prepare(pair: Pair): Promise<Pair> {
  for (const partition of pair) await partition.initialise({ cluster: "bench", partition: partition.name });
  return pair;
}

async function connect(pair: Pair): Promise<{ replicas: ReplicaSet; close(): Promise<void> }> {
  const members = pair.map(
    (partition) =>
      new Replica(batching(partition, systemRuntime, lanes), "", {
        runtime: systemRuntime,
        log,
        accept: () => undefined,
        isReceiving: async () => false,
        catchUp: async () => undefined,
        onSteady: () => undefined,
      }),
  );
  const placed = pair.map(({ name }) => ({ name, weight: 1 }));
  for (const member of members) await member.connect();
  const close = async () => {
    for (const member of members) await member.close();
  };
  return {
    replicas: new ReplicaSet(
      { epoch: 0, members: placed, replicas: "all", gone: [] },
      (name) => members.find((member) => member.name === name)!,
    ),
    close,
  };
}

async function compare(
  pair: Pair,
  antiEntropy: AntiEntropy,
  count: number,
): Promise<{ equalMs: number; mendMs: number }> {
  const past = stampAt(Date.now() - 3_600_000);
  for (let start = 0; start < count; start += 5000) {
    const records = Array.from({ length: Math.min(5000, count - start) }, (_, index) => record(start + index, past));
    await Promise.all(pair.map((partition) => partition.apply(records)));
  }
  const equal = await antiEntropy.pass({ isRepair: true });
  const step = Math.floor(count / differences);
  for (let index = 0; index < differences; index++) {
    await pair[index % 2]!.apply([record(index * step, past + 1n)]);
  }
  const mended = await antiEntropy.pass({ isRepair: true });
  if (mended.differing !== differences) throw new Error(`${mended.differing} differences were found`);
  return { equalMs: equal.tookMs, mendMs: mended.tookMs };
}

async function handOff([source, target]: Pair, { replicas }: ReplicaSet, handoff: Handoff): Promise<number> {
  for (let start = 0; start < owedCount; start += 1000) {
    const writes = Array.from({ length: 1000 }, (_, index) => {
      const { key, version, ...content } = record(start + index, stampAt(Date.now() - 60_000));
      const write = { key, content, stamp: version.stamp, writer: 2, now: Date.now() };
      return { ...write, owed: [target.name], standIn: false, epoch: 0 };
    });
    await source.write(writes);
  }
  const started = performance.now();
  await handoff.deliver(replicas[0]!, replicas[1]!);
  const tookMs = performance.now() - started;
  const left = await source.owed();
  if (left.length > 0) throw new Error(`${left[0]!.count} records were not handed off`);
  return owedCount / (tookMs / 1000);
}

function record(number: number, stamp: bigint): Record {
  const value = Buffer.alloc(128, "x");
  const version = { stamp, writer: 1 };
  return { key: `key/${number}`, version, isTombstone: false, value, type: "text/plain", metadata: "", expires: 0 };
}
