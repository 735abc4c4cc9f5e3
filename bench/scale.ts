import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Results } from "./results.ts";
import { type Costs, defaults, greatestRate, type Layout, usage } from "./scale/model.ts";
import { table } from "./scale/table.ts";

const costsFile = new URL("scale/costs.json", import.meta.url);
const resultsFile = new URL("results.json", import.meta.url);

const options = {
  "front-ends": ["frontEnds", "front-end processes"],
  partitions: ["partitions", "database servers, one partition each"],
  replicas: ["replicas", "partitions that hold each key"],
  keys: ["keys", "keys in the store"],
  rate: ["rate", "requests a second, in all"],
  writes: ["writes", "part of them that are writes, from 0 to 1"],
  lists: ["lists", "part of them that are pages of lists"],
  limit: ["listLimit", "keys on such a page"],
  cores: ["databaseCores", "cores of each database server"],
  reads: ["readConnections", "connections for reads, of each front end to each partition"],
  "write-connections": ["writeConnections", "the same for writes"],
  "max-connections": ["maxConnections", "that each server allows"],
  "round-trip": ["roundTrip", "between front end and server, in µs"],
  fsync: ["fsync", "one commit's, in µs"],
  "pass-interval": ["passSeconds", "`sync.pass_interval`, in seconds"],
} as const satisfies Record<string, readonly [keyof Layout, string]>;

const print = (text: string) => process.stdout.write(`${text}\n`);

const { values } = parseArgs({
  options: {
    ...Object.fromEntries(Object.keys(options).map((name) => [name, { type: "string" as const }])),
    measure: { type: "boolean" },
    table: { type: "boolean" },
    help: { type: "boolean" },
  },
});

if (values.help === true) printHelp();
else if (values.measure === true) await measure();
else if (values.table === true) print(table(readCosts()));
else printLayout(layoutOf(values));

function printHelp(): void {
  print("npm run scale -- [options]\n");
  for (const [name, [field, meaning]] of Object.entries(options))
    print(`  --${name.padEnd(18)}${meaning} (default: ${defaults[field]})`);
  print(`  --table             2 to 32 partitions side by side, as in docs/scaling.md
  --measure           measures the costs on this machine and writes bench/scale/costs.json`);
}

/** @throws Error that names the flag. */
function layoutOf(given: Record<string, unknown>): Layout {
  const layout: Layout = { ...defaults };
  for (const [name, [field]] of Object.entries(options)) {
    if (given[name] === undefined) continue;
    const value = Number(given[name]);
    if (!(value >= 0)) throw new Error(`--${name}: expected a number, got ${JSON.stringify(given[name])}`);
    Object.assign(layout, { [field]: value });
  }
  if (layout.replicas > layout.partitions) throw new Error("--replicas: there are fewer partitions than that");
  if (layout.writes + layout.lists > 1) throw new Error("--writes and --lists: together they are more than 1");
  return layout;
}

function printLayout(layout: Layout): void {
  const costs = readCosts();
  const { rate, limit } = greatestRate(layout, costs);
  const { frontEnds, partitions, replicas, keys } = layout;
  print(
    `${frontEnds} front ends, ${partitions} partitions, ${replicas} replicas, ${keys.toLocaleString("en")} keys, ${layout.rate} requests a second\n`,
  );
  for (const { name, use, what } of usage(layout, costs))
    print(`${name.padEnd(26)}${percent(use).padStart(7)}  ${what}`);
  print(
    `\nfirst limit: ${limit.name}, at ${Math.floor(rate).toLocaleString("en")} requests a second; then: ${limit.change}`,
  );
}

async function measure(): Promise<void> {
  const { measurements } = JSON.parse(readFileSync(resultsFile, "utf8")) as Results;
  const found = measurements.find((each) => each.case === "GET" && each.contender === "Kvasir, SQLite");
  const request = found?.rounds[0]?.cpuMicroseconds;
  if (request === undefined) throw new Error("bench/results.json has no GET on SQLite: npm run bench");
  const { measureCosts } = await import("./scale/measure.ts");
  const costs = await measureCosts(
    Math.round(request * 10) / 10,
    "GET on SQLite in bench/results.json: HTTP and a read on the spot",
  );
  writeFileSync(costsFile, `${JSON.stringify(costs, undefined, 1)}\n`);
  print(`written: bench/scale/costs.json`);
}

function readCosts(): Costs {
  return JSON.parse(readFileSync(costsFile, "utf8")) as Costs;
}

function percent(part: number): string {
  return `${part < 0.1 ? (part * 100).toFixed(1) : Math.round(part * 100)} %`;
}
