import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import { type Deployment, deploy } from "./deployment.ts";
import { pause, startWorkload, untilDelivered, valueAt, type Workload } from "./workload.ts";

/** For both tests together; longer in `npm run soak -- faults`. */
const seconds = Number(process.env.FAULT_SECONDS ?? 60);

/** Longer than a server that says nothing is waited for. */
const longMs = 2800;

/** Also for starting the servers, and for delivering everything at the end. */
const timeout = (seconds + 180) * 1000;

it("kills, stops, resets and black holes lose no acknowledged write, and replicas become equal", {
  timeout,
}, async (context) => {
  const deployment = await deploy({ databases: 3, servers: 2, syncs: 2 });
  const workload = startWorkload(deployment.urls, 12);
  try {
    await causeFaults(deployment, seconds / 2);
    await assertNothingLost(deployment, workload, context);
  } finally {
    await workload.stop();
    await deployment.stop();
  }
});

it("the same and the loss of one server's disk lose no write that two replicas confirmed", {
  timeout,
}, async (context) => {
  const deployment = await deploy({ databases: 3, servers: 2, syncs: 2 });
  const workload = startWorkload(deployment.urls, 12, "?w=2");
  try {
    await causeFaults(deployment, seconds / 4);
    await untilAcknowledged(workload, 200);
    await deployment.replace(1);
    await untilAcknowledged(workload, workload.acknowledged + 100);
    await causeFaults(deployment, seconds / 4);
    await assertNothingLost(deployment, workload, context);
  } finally {
    await workload.stop();
    await deployment.stop();
  }
});

/** One fault after the other, each at a server that chance picks. */
async function causeFaults(deployment: Deployment, seconds: number): Promise<void> {
  const { databases, proxies, urls } = deployment;
  const faults: ((index: number) => Promise<void>)[] = [
    async (index) => {
      await databases[index]!.kill();
      await pause(600);
      await databases[index]!.start();
    },
    async (index) => {
      databases[index]!.pause();
      await pause(longMs);
      databases[index]!.resume();
    },
    async (index) => proxies[index]!.reset(),
    async (index) => {
      proxies[index]!.blackhole();
      await pause(longMs);
      proxies[index]!.heal();
    },
    async (index) => {
      proxies[index]!.refuse();
      await pause(800);
      proxies[index]!.heal();
    },
    (index) => deployment.restart(index % urls.length),
  ];
  const end = Date.now() + seconds * 1000;
  for (let round = 0; Date.now() < end; round++) {
    await pause(500);
    await faults[round % faults.length]!(Math.floor(Math.random() * databases.length));
  }
}

async function untilAcknowledged(workload: Workload, count: number): Promise<void> {
  while (workload.acknowledged < count) await pause(20);
}

/** Ends the workload, waits until all replicas are equal, and compares what every front end gives with it. */
async function assertNothingLost(
  { urls, contents }: Deployment,
  workload: Workload,
  context: TestContext,
): Promise<void> {
  await workload.stop();
  const healed = performance.now();
  const counts = [...Map.groupBy(workload.failures, (failure) => failure.split(" ", 3).join(" "))].map(
    ([failure, all]) => `${failure} (${all.length})`,
  );
  context.diagnostic(`${workload.acknowledged} writes were acknowledged; others: ${counts.join(", ")}`);
  assert.ok(workload.acknowledged > 300, `only ${workload.acknowledged} writes were acknowledged`);
  await Promise.all(urls.map(untilDelivered));
  // What only a server had that was away while another one was filled takes one more pass.
  for (;;) {
    const texts = (await contents()).map((lines) => lines.join("\n"));
    if (texts.every((text) => text === texts[0])) break;
    await pause(500);
  }
  context.diagnostic(
    `all replicas were equal ${Math.round((performance.now() - healed) / 100) / 10} s after the last fault`,
  );
  for (const url of urls) await workload.check((key) => valueAt(url, key));
}
