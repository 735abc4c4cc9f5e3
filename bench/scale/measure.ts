import { cpus } from "node:os";
import type { Partition, Write } from "../../src/partition.ts";
import { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import { SqlPartition } from "../../src/partitions/sql/sql-partition.ts";
import { bucketCount } from "../../src/replicas/hash.ts";
import { stampAt } from "../../src/version.ts";
import { Environment } from "../environment.ts";
import { cpuSeconds } from "../processes.ts";
import type { Cost, Costs } from "./model.ts";

const keyCount = 20_000;
const valueBytes = 128;
const large = 64;
const atOnce = 8;
const rounds = 8;
const targets = ["far", "farther"];
const ranges = { start: "", isStartExclusive: false, end: undefined, isReverse: false, bytesMax: 2 ** 24 };

interface Cpu {
  readonly frontEnd: number;
  readonly database: number;
}

/**
 * CPU times of this version's partition code and of a MariaDB server, each as what a batch takes and what each of its
 * members adds: from batches of one and of 64, eight at a time. Other load on the machine matters less to CPU times than to rates.
 */
export async function measureCosts(requestMicroseconds: number, requestMeasured: string): Promise<Costs> {
  const environment = new Environment();
  try {
    const { name: database, servers } = await environment.database(1);
    const [{ host, port, user, password, pid }] = servers as [(typeof servers)[0]];
    const partition = new SqlPartition(
      "near",
      new MysqlDatabase({
        name: "near",
        hosts: [{ host, port }],
        database,
        user,
        password,
        connectTimeoutMs: 10_000,
        queryTimeoutMs: 60_000,
        readConnections: 4,
        writeConnections: 4,
        strictDurability: false,
      }),
    );
    await partition.initialise({ cluster: "scale", partition: "near" });
    try {
      return await measureOn(partition, pid!, requestMicroseconds, requestMeasured);
    } finally {
      await partition.close();
    }
  } finally {
    await environment.close();
  }
}

async function measureOn(partition: Partition, pid: number, request: number, requestMeasured: string): Promise<Costs> {
  let next = 0;
  const nextKey = () => {
    next = (next + 7919) % keyCount;
    return `key/${next}`;
  };
  const keys = (count: number) => Array.from({ length: count }, nextKey);
  const write = (key: string, owed: readonly string[]): Write => ({
    key,
    content: { isTombstone: false, value: new Uint8Array(valueBytes), type: "text/plain", metadata: "", expires: 0 },
    stamp: stampAt(Date.now()),
    writer: 1,
    now: Date.now(),
    owed,
    standIn: false,
    epoch: 0,
  });
  for (let index = 0; index < keyCount; index += 200)
    await partition.write(Array.from({ length: 200 }, (_, offset) => write(`key/${index + offset}`, [])));

  const cost = async (
    what: string,
    small: number,
    big: number,
    run: (count: number) => Promise<unknown>,
  ): Promise<Cost> => {
    const one = await cpuOf(pid, () => run(small));
    const many = await cpuOf(pid, () => run(big));
    const line = (part: keyof Cpu): [number, number] => {
      const member = Math.max(0, (many[part] - one[part]) / (big - small));
      return [tenth(Math.max(0, one[part] - member * small)), hundredth(member)];
    };
    return { frontEnd: line("frontEnd"), database: line("database"), measured: `${what}, ${small} and ${big} at once` };
  };
  const owe = (count: number, owed: readonly string[]) => partition.write(keys(count).map((key) => write(key, owed)));
  const scan = (limit: number) =>
    partition.scan({
      ...ranges,
      limit,
      withValues: false,
      now: Date.now(),
      buckets: new Uint8Array(bucketCount).fill(1),
    });
  const digest = (rowsMax: number) =>
    partition.digest({ after: "", rowsMax, cutoff: 2n ** 62n, floor: 0n, now: Date.now() });

  const plain = await cost("Partition.write over keys that are there", 1, large, (count) => owe(count, []));
  const owing = await cost("Partition.write with two hints each", 1, large, (count) => owe(count, targets));
  const records = (await partition.read(keys(large))).flatMap((record) => record ?? []);
  const deliver = async (count: number) => {
    const stamp = stampAt(Date.now());
    const newer = records.slice(0, count).map((record) => ({ ...record, version: { stamp, writer: 1 } }));
    await partition.apply(newer);
    await partition.settle(newer.map(({ key, version }) => ({ target: "far", key, version, standIn: false })));
  };
  return {
    machine: cpus()[0]?.model ?? "unknown",
    request: { frontEnd: request, measured: requestMeasured },
    read: await cost("Partition.read", 1, large, (count) => partition.read(keys(count))),
    write: plain,
    hint: half(owing, plain),
    delivery: await cost("Partition.apply and settle", 1, large, deliver),
    list: await cost("Partition.scan with a filter of buckets, which all rows pass", 10, 510, scan),
    digest: await cost("Partition.digest", 1000, keyCount, digest),
  };
}

/** What one of two hints adds to a write. */
function half(owing: Cost, plain: Cost): Cost {
  const less = (one: Cost["frontEnd"], other: Cost["frontEnd"]): [number, number] => [
    tenth(Math.max(0, one[0] - other[0])),
    hundredth(Math.max(0, (one[1] - other[1]) / 2)),
  ];
  return {
    frontEnd: less(owing.frontEnd, plain.frontEnd),
    database: less(owing.database, plain.database),
    measured: `${owing.measured}, less the same without`,
  };
}

/** µs of CPU that `run` takes here and in the server, with some of them always under way: the least of some rounds. */
async function cpuOf(pid: number, run: () => Promise<unknown>): Promise<Cpu> {
  await roundOf(pid, run, 500);
  const measured: Cpu[] = [];
  for (let round = 0; round < rounds; round++) measured.push(await roundOf(pid, run, 1000));
  const least = (part: keyof Cpu) => Math.min(...measured.map((each) => each[part]));
  return { frontEnd: least("frontEnd"), database: least("database") };
}

async function roundOf(pid: number, run: () => Promise<unknown>, ms: number): Promise<Cpu> {
  const [own, server] = [process.cpuUsage(), cpuSeconds([pid])];
  const end = performance.now() + ms;
  let count = 0;
  const loop = async () => {
    for (; performance.now() < end; count++) await run();
  };
  await Promise.all(Array.from({ length: atOnce }, loop));
  const { user, system } = process.cpuUsage(own);
  return { frontEnd: (user + system) / count, database: ((cpuSeconds([pid]) - server) * 1e6) / count };
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}
