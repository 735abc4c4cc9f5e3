import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cases } from "./cases.ts";
import { drawChart } from "./chart.ts";
import { Environment } from "./environment.ts";
import { type Flags, help, readFlags, sections } from "./flags.ts";
import { measure } from "./measure.ts";
import { limitsOf, report } from "./report.ts";
import type { Results } from "./results.ts";

/** `npm run bench`: Kvasir and its peers, loaded in turn in one run, see `--help`. */

const here = new URL(".", import.meta.url).pathname;
const say = (line: string) => void process.stderr.write(`${line}\n`);

try {
  const flags = readFlags(process.argv.slice(2));
  if (flags.task === "help") process.stdout.write(help);
  else if (flags.task === "list") process.stdout.write([...cases.map(({ name }) => name), ...sections, ""].join("\n"));
  else await run(flags);
} catch (error) {
  say(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function run(flags: Flags): Promise<void> {
  const folder = flags.isWhole ? here : join(here, ".work");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "results.json");
  const environment = new Environment();
  try {
    const results = flags.task === "report" ? read(file) : await measure(flags, environment, say);
    writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
    const text = report(results, limitsOf(readFileSync(join(here, "limits.md"), "utf8")));
    writeFileSync(join(folder, "RESULTS.md"), text);
    process.stdout.write(text);
    const chart = drawChart(results, () => environment.peer("draw.mjs"));
    if (chart !== undefined) writeFileSync(join(folder, "results.svg"), chart);
  } finally {
    await environment.close();
  }
}

function read(file: string): Results {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Results;
  } catch (error) {
    throw new Error(`${(error as Error).message}; a run without --report makes it`);
  }
}
