import assert from "node:assert/strict";
import { it } from "node:test";
import { type Deployment, deploy } from "./deployment.ts";
import { pause, startWorkload, untilDelivered, valueAt, type Workload } from "./workload.ts";

/** Longer in soak: `FAULT_SECONDS=600`. */
const seconds = Number(process.env.FAULT_SECONDS ?? 60);

/** For starting the servers, and for delivering everything at the end. */
const timeout = (seconds + 120) * 1000;

it("kills, stops, resets and black holes lose no acknowledged write, and replicas become equal", {
  timeout,
}, async () => {
  const deployment = await deploy({ databases: 3, servers: 2, syncs: 2 });
  const { databases, proxies, urls } = deployment;
  const workload = startWorkload(urls, 12);
  const faults: ((index: number) => Promise<void>)[] = [
    async (index) => {
      await databases[index]!.kill();
      await pause(600);
      await databases[index]!.start();
    },
    async (index) => {
      databases[index]!.pause();
      await pause(1500);
      databases[index]!.resume();
    },
    async (index) => proxies[index]!.reset(),
    async (index) => {
      proxies[index]!.blackhole();
      await pause(1500);
      proxies[index]!.heal();
    },
    async (index) => {
      proxies[index]!.refuse();
      await pause(800);
      proxies[index]!.heal();
    },
    (index) => deployment.restart(index % urls.length),
  ];
  try {
    const end = Date.now() + seconds * 1000;
    for (let round = 0; Date.now() < end; round++) {
      await pause(500);
      await faults[round % faults.length]!(Math.floor(Math.random() * databases.length));
    }
    await pause(500);
    await assertNothingLost(deployment, workload);
  } finally {
    await workload.stop();
    await deployment.stop();
  }
});

it("losing one server's disk loses no write that two replicas confirmed", async () => {
  const deployment = await deploy({ databases: 3, servers: 2, syncs: 0 });
  const { urls } = deployment;
  const workload = startWorkload(urls, 12, "?w=2");
  try {
    await untilAcknowledged(workload, 200);
    await deployment.replace(1);
    await untilAcknowledged(workload, workload.acknowledged + 200);
    await assertNothingLost(deployment, workload);
  } finally {
    await workload.stop();
    await deployment.stop();
  }
});

async function untilAcknowledged(workload: Workload, count: number): Promise<void> {
  while (workload.acknowledged < count) await pause(20);
}

/** Ends the workload, and once all is delivered, compares what every front end and every partition has with it. */
async function assertNothingLost({ urls, contents }: Deployment, workload: Workload): Promise<void> {
  await workload.stop();
  assert.ok(workload.acknowledged > 300, `only ${workload.acknowledged} writes were acknowledged`);
  await Promise.all(urls.map(untilDelivered));
  for (const url of urls) await workload.check((key) => valueAt(url, key));
  const [first, ...others] = await contents();
  for (const other of others) assert.deepEqual(other, first);
}
