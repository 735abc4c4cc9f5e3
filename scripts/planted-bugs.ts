import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Edit } from "../test/simulation/patches.ts";
import { plantedBugs } from "../test/simulation/planted-bugs.ts";
import { runSeeds, type SeedsResult } from "../test/simulation/run-seeds.ts";

/**
 * `node scripts/planted-bugs.ts` removes one guard after the other (from what is loaded, not from the files), runs
 * simulated schedules until one fails, and writes how many that took into docs/testing.md.
 * `--only TEXT` tries those whose name contains it, and leaves the other rows as they are.
 */
const { values } = parseArgs({ options: { only: { type: "string" }, limit: { type: "string", default: "30000" } } });
const page = "docs/testing.md";
const [begin, end] = ["<!-- planted bugs: begin -->", "<!-- planted bugs: end -->"];

const rows = new Map<string, string>();
let missed = 0;
for (const { name, edits } of plantedBugs) {
  if (values.only !== undefined && !name.includes(values.only)) continue;
  const first = await firstFound(edits, Number(values.limit));
  if (first === undefined) missed++;
  const files = [...new Set(edits.map(({ file }) => `\`${file.split("/").at(-1)}\``))].join(", ");
  const needed = first === undefined ? `not found in ${values.limit}` : String(first.seed);
  const found = first === undefined ? "" : shortened(first.violation);
  rows.set(name, `| ${name} | ${files} | ${needed} | ${found} |`);
  process.stdout.write(`${needed.padStart(8)}  ${name}: ${found}\n`);
}
const text = readFileSync(page, "utf8");
const [before, after] = [text.split(begin)[0]!, text.split(end)[1]];
if (after === undefined) throw new Error(`${page} lacks the lines ${begin} and ${end}`);
const written = new Map(text.split("\n").map((line) => [line.split("|")[1]?.trim(), line]));
const lines = plantedBugs.flatMap(({ name }) => rows.get(name) ?? written.get(name) ?? []);
const table = ["| bug | in | schedules needed | found as |", "|---|---|---|---|", ...lines].join("\n");
writeFileSync(page, `${before}${begin}\n\n${table}\n\n${end}${after}`);
process.exitCode = missed === 0 ? 0 : 1;

/** The first seed that fails with `edits`, and does not without them. */
async function firstFound(edits: readonly Edit[], to: number): Promise<SeedsResult["violations"][number] | undefined> {
  for (let from = 1; from <= to; ) {
    const [found] = (await runSeeds({ from, to, edits, isStoppedByViolation: true })).violations;
    if (found === undefined) return undefined;
    const { violations } = await runSeeds({ from: found.seed, to: found.seed });
    if (violations.length === 0) return found;
    from = found.seed + 1;
  }
  return undefined;
}

/** The violation without what differs from run to run. */
function shortened(violation: string): string {
  const [line = ""] = violation.replace(/^at [\d.]+ s: /, "").split("\n");
  const plain = line
    .replace(/[0-9a-z]{12,13}-[0-9a-z]{1,10}/g, "V")
    .replace(/\|/g, "/")
    .replace(/; \{.*/, "");
  return plain.length > 110 ? `${plain.slice(0, 110)}…` : plain;
}
