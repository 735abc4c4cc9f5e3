import type { Environment } from "../environment.ts";
import type { StoppedResult } from "../results.ts";
import { deploy, startKvasir } from "../subjects/kvasir.ts";

const options = { mariadb: 3 };
const load = { operation: "get", keys: 10_000, bytes: 128, connections: 64, writes: 0 } as const;
/** What it takes at most to find out that a server is frozen: one `timeouts.query`. */
const findingSeconds = 2;

/** GETs on three MariaDB partitions with all replicas, before and while one of the servers is frozen (SIGSTOP). */
export async function measureStopped(
  environment: Environment,
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<StoppedResult> {
  const deployment = await deploy(environment, options);
  const subject = await startKvasir(deployment, options);
  const frozen = deployment.databases[2]!;
  const healthyP99Ms: number[] = [];
  const stoppedP99Ms: number[] = [];
  let [failuresAtFirst, failuresThen] = [0, 0];
  try {
    await subject.fill(load);
    await subject.load(load, 1);
    for (let round = 0; round < rounds; round++) {
      healthyP99Ms.push((await subject.load(load, seconds)).p99Ms);
      frozen.pause();
      failuresAtFirst += (await subject.load(load, findingSeconds)).failures;
      const { p99Ms, failures } = await subject.load(load, seconds);
      stoppedP99Ms.push(p99Ms);
      failuresThen += failures;
      frozen.resume();
      await isBack(subject.url);
    }
  } finally {
    frozen.resume();
    await subject.stop();
  }
  return { healthyP99Ms, stoppedP99Ms, failuresAtFirst, failuresThen };
}

/** Waits until all partitions are in use again. */
async function isBack(url: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const response = await fetch(`${url}/status`, { headers: { Accept: "application/json" } });
    const { partitions } = (await response.json()) as { partitions: { state: string }[] };
    if (partitions.every(({ state }) => state === "steady")) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("a partition that was resumed did not come back");
}
