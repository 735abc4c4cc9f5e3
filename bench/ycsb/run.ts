import { LoadClient, runLoad } from "../../src/cli/bench/load-client.ts";
import type { Environment } from "../environment.ts";
import type { YcsbResult } from "../results.ts";
import { deploy, startKvasir } from "../subjects/kvasir.ts";
import { chooseOperation, recordBytes, scanMax, type Workload, workloads, type YcsbOperation } from "./workloads.ts";
import { fnv64, ScrambledZipfian, Zipfian } from "./zipfian.ts";

const connections = 64;
const loadedAtOnce = 500;

const deployments = [
  { name: "SQLite", mariadb: 0 },
  { name: "3 MariaDB, all replicas, w=1", mariadb: 3 },
] as const;

/** All workloads on each deployment, one after another, on the records of the one before. */
export async function measureYcsb(
  environment: Environment,
  { records, seconds, say }: { records: number; seconds: number; say(line: string): void },
): Promise<YcsbResult[]> {
  const results: YcsbResult[] = [];
  for (const { name, mariadb } of deployments) {
    const subject = await startKvasir(await deploy(environment, { mariadb }), { mariadb });
    const run = new YcsbRun(subject.url, records);
    try {
      await run.fill();
      for (const workload of workloads) {
        say(`  ${workload.name} on ${name}`);
        await subject.settle();
        results.push({ subject: name, ...(await run.measure(workload, seconds)) });
      }
    } finally {
      run.close();
      await subject.stop();
    }
  }
  return results;
}

/** A store under YCSB's workloads. Inserts of one workload stay for the next. */
class YcsbRun {
  readonly #client: LoadClient;
  readonly #value = Buffer.alloc(recordBytes, "y");
  #records: number;
  /** Inserts up to here are known to be stored. */
  #stored: number;

  constructor(url: string, records: number) {
    this.#client = new LoadClient(url, connections);
    this.#records = records;
    this.#stored = records;
  }

  async fill(): Promise<void> {
    const value = this.#value.toString();
    for (let start = 0; start < this.#records; start += loadedAtOnce) {
      const count = Math.min(loadedAtOnce, this.#records - start);
      const puts = Array.from({ length: count }, (_, index) => ({
        op: "put",
        key: keyOf(start + index),
        type: "text/plain",
        encoding: "utf8",
        value,
      }));
      const headers = { "Content-Type": "application/json" };
      const { status } = await this.#client.request("POST", "/batch", headers, Buffer.from(JSON.stringify(puts)));
      if (status !== 200) throw new Error(`POST /batch answered ${status}`);
    }
  }

  async measure(workload: Workload, seconds: number): Promise<Omit<YcsbResult, "subject">> {
    const random = Math.random;
    const popular = new ScrambledZipfian(random, this.#records);
    const recent = new Zipfian(random, this.#stored);
    const choose = () =>
      workload.keys === "latest" ? this.#stored - 1 - recent.next(this.#stored) : popular.next() % this.#stored;
    const { latency, errors, ...result } = await runLoad({ connections, seconds }, () =>
      this.#do(chooseOperation(workload, random), choose),
    );
    return {
      workload: `${workload.name}: ${workload.about}`,
      operationsPerSecond: result.requests / result.seconds,
      p50Ms: latency.percentile(50) / 1000,
      p99Ms: latency.percentile(99) / 1000,
      failures: errors,
    };
  }

  close(): void {
    this.#client.close();
  }

  async #do(operation: YcsbOperation, choose: () => number): Promise<void> {
    if (operation === "insert") {
      const number = this.#records++;
      await this.#put(number);
      this.#stored = Math.max(this.#stored, number - connections);
      return;
    }
    const number = choose();
    if (operation === "read" || operation === "modify") await this.#ask("GET", `/kv/${keyOf(number)}`);
    if (operation === "update" || operation === "modify") await this.#put(number);
    if (operation === "scan") {
      const limit = 1 + Math.floor(Math.random() * scanMax);
      await this.#ask("GET", `/kv?values&limit=${limit}&start=${keyOf(number)}`);
    }
  }

  #put(number: number): Promise<void> {
    return this.#ask("PUT", `/kv/${keyOf(number)}`, { "Content-Type": "text/plain" }, this.#value);
  }

  async #ask(method: string, path: string, headers: { [name: string]: string } = {}, body?: Buffer): Promise<void> {
    const { status } = await this.#client.request(method, path, headers, body);
    if (status >= 400) throw new Error(`${method} ${path} answered ${status}`);
  }
}

/** As YCSB names its records: in no order. */
function keyOf(number: number): string {
  return `user${fnv64(number)}`;
}
