import assert from "node:assert/strict";
import { it } from "node:test";
import { deploy } from "./deployment.ts";
import { pause, startWorkload, type Workload } from "./workload.ts";

it("no plain write fails while one partition of three is killed, stopped or cut off, and no read but for what it alone has", {
  timeout: 240_000,
}, async (context) => {
  const deployment = await deploy({ databases: 3, servers: 1, syncs: 0 });
  const { databases, proxies, urls } = deployment;
  const workload = startWorkload(urls, 24);
  const faults: { [name: string]: { begin(index: number): unknown; end(index: number): unknown } } = {
    kill: { begin: (index) => databases[index]!.kill(), end: (index) => databases[index]!.start() },
    stop: { begin: (index) => databases[index]!.pause(), end: (index) => databases[index]!.resume() },
    reset: { begin: (index) => proxies[index]!.reset(), end: () => undefined },
    "black hole": { begin: (index) => proxies[index]!.blackhole(), end: (index) => proxies[index]!.heal() },
  };
  try {
    await goesOn(workload, 36);
    for (const [index, [name, { begin, end }]] of Object.entries(faults).entries()) {
      const [before, failed] = [workload.acknowledged, workload.failures.length];
      await begin(index % databases.length);
      await goesOn(workload, 72);
      await end(index % databases.length);
      await goesOn(workload, 36);
      await untilSteady(urls[0]!);
      const failures = Map.groupBy(workload.failures.slice(failed), (failure) => failure);
      const counts = [...failures].map(([failure, all]) => `${failure} ${all.length} times`);
      context.diagnostic(`${name}: ${workload.acknowledged - before} writes, failed: ${counts.join(", ") || "none"}`);
    }
    await workload.stop();
    assert.deepEqual(
      workload.failures.filter((failure) => !failure.startsWith("GET 503 not_fresh_enough")),
      [],
    );
  } finally {
    await workload.stop();
    await deployment.stop();
  }
});

/** Resolves after so many more writes: several of each writer, so that each meets the fault. */
async function goesOn(workload: Workload, count: number): Promise<void> {
  const enough = workload.acknowledged + count;
  while (workload.acknowledged < enough) await pause(20);
}

async function untilSteady(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/status?format=json`);
    const { partitions } = (await response.json()) as { partitions: { state: string }[] };
    if (partitions.every(({ state }) => state === "steady")) return;
    await pause(50);
  }
}
