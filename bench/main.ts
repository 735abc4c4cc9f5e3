import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cases } from "./cases.ts";
import { drawChart } from "./chart.ts";
import { Environment, requireProgram } from "./environment.ts";
import { report } from "./report.ts";
import type { Results, Special, SynchronisationResult, YcsbResult } from "./results.ts";
import { type CaseResults, runCases } from "./run-cases.ts";
import { measureLargeValue, measureMemory } from "./special/memory.ts";
import { measureStart } from "./special/start.ts";
import { measureStopped } from "./special/stopped.ts";
import { measureSynchronisation } from "./synchronisation.ts";
import { measureYcsb } from "./ycsb/run.ts";

const help = `npm run bench -- [options]

  --rounds N       rounds of each case (default: 3)
  --seconds N      seconds of each round (default: 4)
  --only PATTERN   only cases and sections with this in their name, upper or lower case (a regular expression)
  --quick          one round of one second, and a tenth of the records where there are a million to compare
  --soak           also 10 million keys
  --list           the names of cases and sections
  --report         write report and chart anew from bench/results.json

A whole run writes bench/RESULTS.md, results.json and results.svg; with --quick or --only they go into bench/.work.
`;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "4" },
    only: { type: "string", default: "" },
    quick: { type: "boolean", default: false },
    soak: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    report: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const here = new URL(".", import.meta.url).pathname;
const say = (line: string) => void process.stderr.write(`${line}\n`);
const rounds = flags.quick ? 1 : whole("rounds", flags.rounds);
const seconds = flags.quick ? 1 : whole("seconds", flags.seconds);
const pattern = new RegExp(flags.only, "i");
const sections = ["start", "memory", "large value", "frozen server", "YCSB", "synchronisation"] as const;
const chosenCases = cases.filter(({ name, isSoak }) => pattern.test(name) && (flags.soak || !isSoak));

if (flags.help) process.stdout.write(help);
else if (flags.list) process.stdout.write([...cases.map(({ name }) => name), ...sections, ""].join("\n"));
else await main();

async function main(): Promise<void> {
  const environment = new Environment();
  try {
    const folder = flags.quick || flags.only !== "" ? join(here, ".work") : here;
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "results.json");
    const results = flags.report ? (JSON.parse(readFileSync(file, "utf8")) as Results) : await run(environment);
    writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
    const text = report(results);
    writeFileSync(join(folder, "RESULTS.md"), text);
    process.stdout.write(text);
    writeFileSync(join(folder, "results.svg"), drawChart(results, environment.peer("draw.mjs")));
  } finally {
    await environment.close();
  }
}

async function run(environment: Environment): Promise<Results> {
  requireProgram("wrk", "wrk");
  const started = performance.now();
  const { measurements, notMeasured }: CaseResults = await runCases(chosenCases, environment, { rounds, seconds, say });
  const problems = [...notMeasured];
  /** Runs a section, unless it was not asked for. One that fails is named as not measured. */
  const section = async <T>(name: (typeof sections)[number], work: () => Promise<T>): Promise<T | undefined> => {
    if (!pattern.test(name)) return undefined;
    say(name);
    try {
      return await work();
    } catch (error) {
      problems.push({ name, reason: (error as Error).message });
      say(`  ${(error as Error).message}`);
      return undefined;
    }
  };
  const special: Special = {
    startMs: await section("start", () => measureStart(environment, flags.quick ? 3 : 10)),
    memory: await section("memory", () => measureMemory(environment, seconds * 2)),
    largeValue: await section("large value", () => measureLargeValue(environment)),
    stopped: await section("frozen server", () => measureStopped(environment, { rounds, seconds })),
  };
  const ycsb: YcsbResult[] =
    (await section("YCSB", () => measureYcsb(environment, { records: flags.quick ? 2000 : 100_000, seconds, say }))) ??
    [];
  const records = flags.quick ? 100_000 : 1_000_000;
  const synchronisation: SynchronisationResult[] =
    (await section("synchronisation", () => measureSynchronisation(environment, { records, seconds }))) ?? [];
  say(`${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
  const machine = `${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const node = process.version;
  return { machine, node, rounds, seconds, measurements, notMeasured: problems, special, ycsb, synchronisation };
}

function whole(name: string, text: string): number {
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new Error(`--${name}: expected a whole number from 1 to 9999, got ${JSON.stringify(text)}`);
}
