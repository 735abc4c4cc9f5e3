import { join } from "node:path";
import type { Partition } from "../src/partition.ts";
import { SqlitePartition } from "../src/partitions/sql/sqlite-partition.ts";
import type { Record } from "../src/record.ts";
import { batching } from "../src/replicas/batching.ts";
import { Replica } from "../src/replicas/replica.ts";
import { ReplicaSet } from "../src/replicas/replica-set.ts";
import { systemRuntime } from "../src/runtime.ts";
import { AntiEntropy } from "../src/sync/anti-entropy.ts";
import { Handoff } from "../src/sync/handoff.ts";
import { stampAt } from "../src/version.ts";

const recordCount = 1_000_000;
const differences = 1000;
const owedCount = 100_000;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Handoff to one target, a pass over equal replicas, and finding and mending differences, on SQLite. */
export async function measureSynchronisation(folder: string): Promise<string> {
  const partitions = ["p1", "p2"].map((name) => new SqlitePartition(name, join(folder, "sync", `${name}.db`)));
  for (const partition of partitions) await partition.initialise({ cluster: "bench", partition: partition.name });
  const members = partitions.map(
    (partition) =>
      new Replica(batching(partition, systemRuntime, { readLanes: 1, writeLanes: 2 }), "", {
        runtime: systemRuntime,
        log,
        accept: () => undefined,
        isReceiving: async () => false,
        catchUp: async () => undefined,
        onSteady: () => undefined,
      }),
  );
  const replicas = new ReplicaSet(
    members,
    partitions.map(({ name }) => ({ name, weight: 1 })),
    "all",
  );
  for (const member of members) await member.connect();
  const options = { replicas, runtime: systemRuntime, log, catchUpMs: 1000 };
  const antiEntropy = new AntiEntropy(options);

  const past = stampAt(Date.now() - 3_600_000);
  for (let start = 0; start < recordCount; start += 5000) {
    const records = Array.from({ length: 5000 }, (_, index) => record(start + index, past));
    await Promise.all(partitions.map((partition) => partition.apply(records)));
  }
  const equal = await antiEntropy.pass({ isRepair: true });
  const step = Math.floor(recordCount / differences);
  for (let index = 0; index < differences; index++) {
    await partitions[index % 2]!.apply([record(index * step, past + 1n)]);
  }
  const mended = await antiEntropy.pass({ isRepair: true });
  const handoff = await measureHandoff(partitions, members, options);
  for (const member of members) await member.close();

  return `## Synchronisation, two SQLite partitions

| | |
|---|---|
| pass over two equal replicas of ${equal.records} records | ${seconds(equal.tookMs)} s |
| finding and mending ${mended.differing} differences among them | ${seconds(mended.tookMs)} s |
| handoff of ${owedCount} records to one target | ${Math.round(handoff)} keys/s |
`;
}

async function measureHandoff(
  [source, target]: Partition[],
  members: readonly Replica[],
  options: ConstructorParameters<typeof Handoff>[0],
): Promise<number> {
  for (let start = 0; start < owedCount; start += 1000) {
    const writes = Array.from({ length: 1000 }, (_, index) => {
      const { key, version, ...content } = record(start + index, stampAt(Date.now() - 60_000));
      const write = { key, content, stamp: version.stamp, writer: 2, now: Date.now() };
      return { ...write, owed: [target!.name], standIn: false };
    });
    await source!.write(writes);
  }
  const started = performance.now();
  await new Handoff(options).deliver(members[0]!, members[1]!, () => true);
  return owedCount / ((performance.now() - started) / 1000);
}

function record(number: number, stamp: bigint): Record {
  const value = Buffer.alloc(128, "x");
  return {
    key: `key/${number}`,
    version: { stamp, writer: 1 },
    isTombstone: false,
    value,
    type: "text/plain",
    metadata: "",
    expires: 0,
  };
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
