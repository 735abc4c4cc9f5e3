import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import { type Config, loadConfig } from "../../src/config.ts";
import { createPartition } from "../../src/open-store.ts";
import { assignmentOf } from "../../src/replicas/assignment.ts";
import { keyBucket } from "../../src/replicas/hash.ts";
import type { Topology } from "../../src/topology/topology.ts";
import { kvasir, type Server, startServer } from "../cli/kvasir.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";
import { share, startTraffic, type Tally, type Traffic } from "./traffic.ts";
import { contents, pause, untilDelivered, valueAt } from "./workload.ts";

/** For all changes together; longer in `npm run soak -- faults`. */
const seconds = Number(process.env.FAULT_SECONDS ?? 60);
const timeout = (seconds + 240) * 1000;
/** Keys that are there before the traffic begins. */
const keysBefore = Math.min(20_000, seconds * 25);

const settings = `
[timeouts]
connect = "1s"
query = "2s"
request = "8s"

[sync]
pass_interval = "5s"
`;

/** A store whose partitions come and go. Each is a database of its own, on one of the servers. */
class Store {
  readonly folder = mkdtempSync(join(tmpdir(), "kvasir-growing-"));
  readonly servers: MariadbServer[] = [];
  /** The server of each partition that has a section. */
  readonly sections = new Map<string, number>();
  readonly frontEnds: Server[] = [];
  #count = 0;

  get urls(): string[] {
    return this.frontEnds.map(({ url }) => url);
  }

  async start(): Promise<void> {
    this.servers.push(...(await Promise.all([1, 2, 3, 4].map(() => startMariadb()))));
    for (const server of [0, 1, 2]) await this.section(server);
    for (const port of ["0", "0"]) this.frontEnds.push(await startServer(this.folder, ["--port", port]));
  }

  /** A new database, and a section with a new name for it. */
  async section(server: number): Promise<string> {
    const name = `p${++this.#count}`;
    await this.servers[server]!.createDatabase(`test_${name}`);
    this.sections.set(name, server);
    this.#write();
    return name;
  }

  remove(name: string): void {
    this.sections.delete(name);
    this.#write();
  }

  run(...args: string[]) {
    return kvasir(args, { cwd: this.folder });
  }

  async topology(): Promise<Topology> {
    const { stdout, stderr } = await this.run("partition", "list", "--json");
    const { epoch, replicas, partitions, gone, change } = JSON.parse(stdout || stderr);
    return { epoch, replicas, members: partitions, gone, ...(change && { change }) };
  }

  config(): Config {
    const file = join(this.folder, "kvasir.toml");
    return loadConfig({ file, env: { KVASIR_ENV: "test" }, flags: {}, cwd: this.folder });
  }

  async stop(): Promise<void> {
    for (const frontEnd of this.frontEnds) await frontEnd.stop("SIGKILL");
    await Promise.all(this.servers.map((server) => server.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #write(): void {
    const sections = [...this.sections].map(([name, index], number) => {
      const { user, password, port } = this.servers[index]!;
      const url = `mysql://${user}@127.0.0.1:${port}/${name}`;
      return `\n[partition-${number + 1}]\nname = "${name}"\nurl = "${url}"\npassword = "${password}"\n`;
    });
    const head = `partitions = ${this.sections.size}\nreplicas = 2\n`;
    writeFileSync(join(this.folder, "kvasir.toml"), head + settings + sections.join(""), { mode: 0o600 });
  }
}

it("partitions are added, weighed, drained and replaced when lost, under load, and nothing is lost or comes back", {
  timeout,
}, async (context) => {
  const store = new Store();
  let traffic: Traffic | undefined;
  const conditional = { ok: 0, all: 0 };
  try {
    await store.start();
    await fill(store.urls[0]!);
    traffic = startTraffic(store.urls, 8, 4);
    await pause(1000);
    const end = Date.now() + seconds * 1000;
    do await round(store, traffic, context, conditional);
    while (Date.now() < end && seconds > 60);
    await traffic.stop();
    await Promise.all(store.urls.map(untilDelivered));
    for (const url of store.urls) await traffic.check((key) => valueAt(url, key));
    for (let number = 0; number < keysBefore; number += 97) {
      assert.equal(await valueAt(store.urls[1]!, `before/${number}`), `${number}`);
    }
    const checked = await store.run("check", "--json");
    assert.equal(JSON.parse(checked.stdout).differing, 0, checked.stdout);
    await assertReplicasEqual(store);
    for (const [name, { ok, all }, least] of [
      ["reads", traffic.reads, 0.999],
      ["writes", traffic.writes, 0.995],
      ["conditional writes", conditional, 0.995],
    ] as const) {
      assert.ok(share({ ok, all }) >= least, `${ok} of ${all} ${name} succeeded`);
    }
  } finally {
    await traffic?.stop();
    await store.stop();
  }
});

/**
 * One change of each kind. Counts conditional writes in `conditional`: those of keys whose home is lost only from when
 * the front ends know that it is, as nobody decides them before.
 */
async function round(
  store: Store,
  traffic: Traffic,
  context: TestContext,
  conditional: { ok: number; all: number },
): Promise<void> {
  const change = async (...args: string[]) => {
    let before = snapshot(traffic);
    const began = Date.now();
    let isDone = false;
    const running = store.run("partition", ...args, "--yes").finally(() => {
      isDone = true;
    });
    if (args.includes("--lost")) {
      await Promise.all(store.urls.map((url) => untilChanging(url, () => isDone)));
      report(context, "before anybody knows that it is lost", traffic, before, Date.now() - began);
      before = snapshot(traffic);
    }
    const { code, stdout, stderr } = await running;
    const tookMs = Date.now() - began;
    report(context, args.join(" "), traffic, before, tookMs);
    conditional.ok += traffic.conditional.ok - before.conditional.ok;
    conditional.all += traffic.conditional.all - before.conditional.all;
    assert.equal(code, 0, `kvasir partition ${args.join(" ")}: ${stdout}${stderr}`);
  };
  const members = [...store.sections.keys()];
  const [drained, lost] = [members[0]!, members[1]!];
  const lostServer = store.sections.get(lost)!;
  const free = [0, 1, 2, 3].filter((server) => server !== lostServer);

  const added = await store.section(free.at(-1)!);
  await change("add", added);
  await change("weight", added, "2");
  await change("drain", drained);
  store.remove(drained);
  const substitute = await store.section(free[0]!);
  // Nobody hands on what it has taken any more: let that be nothing, as it is not what this shows.
  await Promise.all(store.urls.map((url) => untilOwesNothing(url, lost)));
  await store.servers[lostServer]!.kill();
  await change("replace", lost, "--by", substitute, "--lost");
  store.remove(lost);
  await store.servers[lostServer]!.destroyData();
  await store.servers[lostServer]!.start();
}

/** Resolves when the front end goes by a topology with a change. */
async function untilChanging(url: string, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    const { topology } = (await (await fetch(`${url}/status?format=json`)).json()) as { topology: { change?: string } };
    if (topology.change !== undefined) return;
    await pause(20);
  }
}

async function untilOwesNothing(url: string, name: string): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    const { partitions } = (await (await fetch(`${url}/status?format=json`)).json()) as {
      partitions: { name: string; owed?: { count: number }[] }[];
    };
    const owed = partitions.find((each) => each.name === name)?.owed;
    if (owed?.every(({ count }) => count === 0)) return;
    await pause(20);
  }
}

async function fill(url: string): Promise<void> {
  const numbers = Array.from({ length: keysBefore }, (_, number) => number);
  for (let start = 0; start < numbers.length; start += 500) {
    const operations = numbers.slice(start, start + 500).map((number) => {
      return { op: "put", key: `before/${number}`, value: `${number}` };
    });
    const response = await fetch(`${url}/batch`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(operations),
    });
    assert.equal(response.status, 200, await response.text());
  }
}

type Counts = Pick<Traffic, "reads" | "writes" | "conditional">;

function snapshot({ reads, writes, conditional }: Traffic): Counts {
  return structuredClone({ reads, writes, conditional });
}

function report(context: TestContext, change: string, now: Counts, before: Counts, tookMs: number): void {
  const line = (name: string, counts: Tally, earlier: Tally) => {
    const failures = [...counts.failures].flatMap(([failure, count]) => {
      const more = count - (earlier.failures.get(failure) ?? 0);
      return more > 0 ? [`${failure} ${more} times`] : [];
    });
    const [ok, all] = [counts.ok - earlier.ok, counts.all - earlier.all];
    return `${ok} of ${all} ${name}${failures.length > 0 ? ` (${failures.join(", ")})` : ""}`;
  };
  const counts = [
    line("reads", now.reads, before.reads),
    line("writes", now.writes, before.writes),
    line("conditional writes", now.conditional, before.conditional),
  ];
  context.diagnostic(`${change}: ${tookMs} ms, ${counts.join(", ")}`);
}

/** The holders of every key, by the topology, have the same of it. What a former holder has still is not looked at. */
async function assertReplicasEqual(store: Store): Promise<void> {
  const config = store.config();
  const topology = await store.topology();
  assert.equal(topology.change, undefined);
  const { names, before } = assignmentOf(topology);
  const rows = new Map<string, Map<string, string>>();
  for (const section of config.partitions) {
    const partition = await createPartition(section, config);
    await partition.open();
    for (const row of await contents(partition)) {
      const key = row.slice(0, row.indexOf(" "));
      const copies = rows.get(key) ?? new Map<string, string>();
      rows.set(key, copies.set(section.name, row));
    }
    await partition.close();
  }
  assert.ok(rows.size >= keysBefore);
  for (const [key, copies] of rows) {
    const holders = before.lists[before.of[keyBucket(key)]!]!.map((index) => names[index]!);
    const held = holders.map((name) => copies.get(name));
    // A former holder may have what was deleted since.
    assert.equal(new Set(held).size, 1, `${key}: ${holders.join()} hold ${held.join(" and ")}`);
  }
}
