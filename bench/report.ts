import { type Measurement, median, type Results, summarise } from "./results.ts";
import { judge } from "./targets.ts";

/** The Markdown that says what a run measured; `limits` is what it says of the targets that are not reached. */
export function report(results: Results, limits: string): string {
  const { machine, node, rounds, seconds, notMeasured } = results;
  const cases = [...new Set(results.measurements.map((each) => each.case))];
  return `# Results

Made by \`npm run bench\` on ${machine}, Node ${node}; \`bench/results.json\` has every round. Medians of ${rounds}
interleaved rounds of ${seconds} s (cases that no target rests on: of half that), after six seconds to warm up, or one where the server has done the same before.
Kvasir is the package as it is published. Load generator (\`wrk\`, one thread, closed loop), servers and databases share the machine's cores. Unless a case says otherwise: values of
128 bytes, 64 connections, random of 10 thousand keys. CPU is user and system time of all processes of the server for
one request; that of the database servers stands apart. "durable" is what is on disk (fsync) when it is answered.

${targets(results)}
${limits}
[limits.md](limits.md) has more.

${cases.map((name) => caseTable(name, results)).join("\n")}
${[special(results), ycsb(results), synchronisation(results)].filter((text) => text !== "").join("\n")}${
  notMeasured.length === 0
    ? ""
    : `\n## Not measured\n\n${notMeasured.map(({ name, reason }) => `- ${name}: ${reason}\n`).join("")}`
}`;
}

function targets(results: Results): string {
  const rows = judge(results).map(({ target, reached, isReached }) => [
    target,
    reached ?? "not measured",
    reached === undefined ? "" : isReached ? "yes" : "no",
  ]);
  return `## Targets\n\n${table(["target", "reached", ""], rows)}`;
}

/** The first part of `limits.md`: what stands in the way of the targets. */
export function limitsOf(page: string): string {
  return page.slice(0, page.indexOf("\n## ")).replace("# Limits\n", "## Why not all are reached\n");
}

function caseTable(name: string, { measurements }: Results): string {
  const measured = measurements.filter((each) => each.case === name);
  const first = measured.find(({ contender }) => contender.startsWith("Kvasir"));
  const reference = first === undefined ? Number.NaN : summarise(first.rounds).requestsPerSecond;
  const head = [
    "",
    "durable",
    "a second",
    `of ${first?.contender ?? "it"}`,
    "p50 ms",
    "p99 ms",
    "CPU µs",
    "database CPU µs",
  ];
  return `## ${name}\n\n${table(
    head,
    measured.map((each) => caseRow(each, reference)),
  )}`;
}

function caseRow({ contender, isDurable, rounds }: Measurement, reference: number): string[] {
  const load = summarise(rounds);
  const failures = load.failures === 0 ? "" : ` (${load.failures} failed)`;
  return [
    contender + failures,
    isDurable ? "yes" : "no",
    load.requestsPerSecond.toFixed(0),
    (load.requestsPerSecond / reference).toFixed(2),
    load.p50Ms.toFixed(load.p50Ms < 1 ? 3 : 2),
    load.p99Ms.toFixed(2),
    load.cpuMicroseconds.toFixed(0),
    load.databaseCpuMicroseconds?.toFixed(0) ?? "",
  ];
}

function special({ special: { startMs, stopped, memory, largeValue } }: Results): string {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const rows: string[][] = [];
  if (startMs !== undefined)
    rows.push(["from the start of `kvasir serve` to its first answer", `${median(startMs).toFixed(0)} ms`]);
  if (memory !== undefined) {
    rows.push(["memory of a front end without load", mib(memory.idleBytes)]);
    rows.push(["at most, with 512 connections", mib(memory.loadedBytesMax)]);
  }
  if (largeValue !== undefined) {
    rows.push([`more at most while a value of ${mib(largeValue.valueBytes)} is put`, mib(largeValue.putBytes)]);
    rows.push(["more at most while it is got", mib(largeValue.getBytes)]);
  }
  if (stopped !== undefined) {
    rows.push(["p99 of GETs on three MariaDB", `${median(stopped.healthyP99Ms).toFixed(2)} ms`]);
    rows.push(["the same while one is frozen, after 2 s", `${median(stopped.stoppedP99Ms).toFixed(2)} ms`]);
    rows.push(["failed in those first 2 s, and after", `${stopped.failuresAtFirst}, ${stopped.failuresThen}`]);
  }
  return rows.length === 0 ? "" : `## Start, memory and a frozen server\n\n${table(["", ""], rows)}`;
}

function ycsb({ ycsb: all }: Results): string {
  if (all.length === 0) return "";
  const rows = all.map(({ subject, workload, operationsPerSecond, p50Ms, p99Ms, failures }) => [
    workload,
    subject + (failures === 0 ? "" : ` (${failures} failed)`),
    operationsPerSecond.toFixed(0),
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
  ]);
  return `## YCSB

Its core workloads with its Zipfian keys (bench/ycsb), 1000 bytes a record, 64 connections of a client on \`node:http\`,
which takes a core of its own.

${table(["workload", "", "operations a second", "p50 ms", "p99 ms"], rows)}`;
}

function synchronisation({ synchronisation: all }: Results): string {
  if (all.length === 0) return "";
  const rows = all.map(({ engine, what, value, unit }) => [
    `${what}, two ${engine} partitions`,
    `${value.toFixed(unit === "keys/s" ? 0 : 2)} ${unit}`,
  ]);
  return `## Synchronisation\n\n${table(["", ""], rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return `${line(head)}|${"---|".repeat(head.length)}\n${rows.map(line).join("")}`;
}
