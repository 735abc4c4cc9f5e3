import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type MariadbServer, startMariadb } from "../test/support/mariadb.ts";
import { cpuSeconds, median, requireWrk, type Subject, startSubject, wrk } from "./processes.ts";
import { measureSynchronisation } from "./synchronisation.ts";

/**
 * `npm run bench`: GET and PUT of 128 bytes, 64 connections, random of 10,000 keys, on SQLite and MariaDB, beside a
 * bare `node:http` server and the usual client used directly, in one run; then what synchronisation takes. Medians
 * of interleaved rounds, written to bench/RESULTS.md.
 */

const { values: flags } = parseArgs({
  options: { seconds: { type: "string", default: "4" }, rounds: { type: "string", default: "3" } },
});
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
const connections = 64;
const keyCount = 10_000;
const main = new URL("../src/cli/main.ts", import.meta.url).pathname;
const local = (name: string) => new URL(name, import.meta.url).pathname;

interface Row {
  readonly name: string;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the server process; `undefined` where it was not taken. */
  readonly cpuMicroseconds: number | undefined;
}

requireWrk();
const folder = mkdtempSync(join(tmpdir(), "kvasir-bench-"));
const databases = await Promise.all([startMariadb(), startMariadb()]);
for (const database of databases) {
  for (const name of ["kvasir", "kvasir_one", "kvasir_two"]) await database.createDatabase(name);
}
const subjects = new Map<string, Subject>();
try {
  subjects.set("bare node:http, a Map", await startSubject(local("bare.ts"), []));
  subjects.set("Kvasir, SQLite", await kvasir("sqlite", ""));
  subjects.set("Kvasir, 1 MariaDB", await kvasir("one", configOf(databases.slice(0, 1), "one")));
  subjects.set("Kvasir, 2 MariaDB, w=1", await kvasir("two", configOf(databases, "two")));
  const rows = { GET: await measure("get.lua"), PUT: await measure("put.lua") };
  for (const subject of subjects.values()) await subject.stop();
  subjects.clear();
  const direct = directly(databases[0]!);
  rows.GET.push({ ...empty("mysql2 directly, one query a key", direct.get) });
  rows.PUT.push({ ...empty("mysql2 directly, one upsert a key", direct.put) });
  const synchronisation = await measureSynchronisation(folder);
  writeFileSync(local("RESULTS.md"), report(rows, synchronisation));
  process.stdout.write(report(rows, synchronisation));
} finally {
  for (const subject of subjects.values()) await subject.stop();
  await Promise.all(databases.map((database) => database.kill()));
  rmSync(folder, { recursive: true });
}

async function measure(script: string): Promise<Row[]> {
  // Everything is written once, so that every GET finds something.
  for (const { url } of subjects.values()) await fill(url);
  const loads = new Map<string, Row[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, { url, pid }] of subjects) {
      const before = cpuSeconds(pid);
      const load = await wrk(url, local(script), seconds, connections);
      if (load.failures > 0) throw new Error(`${name}: ${load.failures} requests failed`);
      const cpuMicroseconds = ((cpuSeconds(pid) - before) / (load.requestsPerSecond * seconds)) * 1e6;
      loads.set(name, [...(loads.get(name) ?? []), { name, ...load, cpuMicroseconds }]);
    }
  }
  return Array.from(loads, ([name, each]) => ({
    name,
    requestsPerSecond: median(each.map((row) => row.requestsPerSecond)),
    p50Ms: median(each.map((row) => row.p50Ms)),
    p99Ms: median(each.map((row) => row.p99Ms)),
    cpuMicroseconds: median(each.map((row) => row.cpuMicroseconds ?? 0)),
  }));
}

async function fill(url: string): Promise<void> {
  const body = "x".repeat(128);
  let next = 0;
  const writer = async () => {
    while (next < keyCount) {
      const response = await fetch(`${url}/kv/key${next++}`, { method: "PUT", body });
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 64 }, writer));
}

function kvasir(name: string, config: string): Promise<Subject> {
  const file = join(folder, `${name}.toml`);
  writeFileSync(file, config);
  return startSubject(main, ["serve", "--port", "0", "--config", file, "--data", join(folder, name)], folder);
}

function configOf(servers: readonly MariadbServer[], name: string): string {
  const sections = servers.map(
    ({ host, port, user, password }, index) =>
      `[partition-${index + 1}]\nurl = "mysql://${user}@${host}:${port}/kvasir_${name}"\npassword = "${password}"\n`,
  );
  return `partitions = ${servers.length}\n${sections.join("")}`;
}

function directly({ host, port, user, password }: MariadbServer): { get: number; put: number } {
  const args = [local("direct.ts"), host, String(port), user, password, "kvasir", String(keyCount), String(seconds)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as { get: number; put: number };
}

function empty(name: string, requestsPerSecond: number): Row {
  return { name, requestsPerSecond, p50Ms: Number.NaN, p99Ms: Number.NaN, cpuMicroseconds: undefined };
}

function report(rows: { [method: string]: Row[] }, synchronisation: string): string {
  const machine = `${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const tables = Object.entries(rows).map(([method, each]) => {
    const floor = each[0]!.requestsPerSecond;
    const lines = each.map(({ name, requestsPerSecond, p50Ms, p99Ms, cpuMicroseconds }) => {
      const cells = [
        name,
        Math.round(requestsPerSecond),
        (requestsPerSecond / floor).toFixed(2),
        Number.isNaN(p50Ms) ? "" : p50Ms.toFixed(2),
        Number.isNaN(p99Ms) ? "" : p99Ms.toFixed(2),
        cpuMicroseconds?.toFixed(0) ?? "",
      ];
      return `| ${cells.join(" | ")} |`;
    });
    return `## ${method}\n\n| | a second | of bare | p50 ms | p99 ms | CPU µs of the server |\n|---|---|---|---|---|---|\n${lines.join("\n")}\n`;
  });
  return `# Results

Made by \`npm run bench\` on ${machine}, Node ${process.version}. 128 bytes, ${connections} connections, random of
${keyCount} keys; ${rounds} interleaved rounds of ${seconds} s, medians. Load generator, servers and databases share the
cores. Every PUT of Kvasir and of the direct client is durable (fsync); the bare server keeps a Map.

${tables.join("\n")}
${synchronisation}`;
}
