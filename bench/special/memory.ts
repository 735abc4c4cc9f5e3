import type { Environment } from "../environment.ts";
import { memoryBytes, resetPeak } from "../processes.ts";
import type { LargeValueResult, MemoryResult } from "../results.ts";
import { deploy, startKvasir } from "../subjects/kvasir.ts";

const options = { mariadb: 0 };
const load = { operation: "mixed", keys: 10_000, bytes: 128, connections: 512, writes: 50 } as const;
const largeBytes = 8 * 2 ** 20;

/** What a front end on SQLite holds with 512 connections that read and write values of 128 bytes. */
export async function measureMemory(environment: Environment, seconds: number): Promise<MemoryResult> {
  const subject = await startKvasir(await deploy(environment, options), options);
  try {
    const idleBytes = memoryBytes(subject.pids, "now");
    await subject.fill(load);
    await subject.load(load, seconds);
    return { idleBytes, loadedBytesMax: memoryBytes(subject.pids, "peak") };
  } finally {
    await subject.stop();
  }
}

/** What it grows by while it takes a value of 8 MiB, and while it gives it. */
export async function measureLargeValue(environment: Environment): Promise<LargeValueResult> {
  const subject = await startKvasir(await deploy(environment, options), options);
  const url = `${subject.url}/kv/large`;
  const body = Buffer.alloc(largeBytes, "x");
  const exchange = async (init: RequestInit): Promise<number> => {
    resetPeak(subject.pids);
    const before = memoryBytes(subject.pids, "now");
    const response = await fetch(url, init);
    if (!response.ok) throw new Error(`${init.method} of 8 MiB answered ${response.status}`);
    await response.arrayBuffer();
    return memoryBytes(subject.pids, "peak") - before;
  };
  try {
    // What is loaded and compiled at the first use is no copy of the value.
    const small = { ...load, operation: "mixed", connections: 16, keys: 100 } as const;
    await subject.fill(small);
    await subject.load(small, 2);
    const putBytes = await exchange({ method: "PUT", body });
    const getBytes = await exchange({ method: "GET" });
    return { valueBytes: largeBytes, putBytes, getBytes };
  } finally {
    await subject.stop();
  }
}
