import { parseArgs } from "node:util";
import { patchSources } from "../test/simulation/patches.ts";
import { runSeeds } from "../test/simulation/run-seeds.ts";

/**
 * `npm run soak -- KIND --minutes 60` runs until the time is over and prints what is wrong. The kinds:
 *
 * - `simulation`, the default: simulated schedules; prints the seeds that violate a promise. `SEED=123 npm run soak`
 *   repeats one, with everything that happens in it
 * - `fuzz`: requests that are anything at all, by seeds
 * - `overload`: twice the load that a partition can take
 * - `attacks`: slowhttptest in its modes
 * - `topology`: simulated changes of the topology, with a front end killed at each of their steps, by seeds
 * - `faults`: the tests of `test/faults/`, for longer and again and again
 */
const { values, positionals } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, from: { type: "string" } },
  allowPositionals: true,
});
const print = (line: string) => process.stdout.write(`${line}\n`);
const minutes = Number(values.minutes);
const from = Number(values.from ?? Date.now() % 1e9);
const [kind = "simulation"] = positionals;

if (process.env.SEED !== undefined) await repeat(Number(process.env.SEED));
else if (kind === "simulation") await soak(minutes, from);
else if (kind === "fuzz") report(await (await import("./soak/fuzz.ts")).soakFuzz(minutes, from, print));
else if (kind === "overload") report(await (await import("./soak/overload.ts")).soakOverload(minutes, print));
else if (kind === "attacks") report(await (await import("./soak/attacks.ts")).soakAttacks(minutes, print));
else if (kind === "faults") report(await (await import("./soak/faults.ts")).soakFaults(minutes, print));
else if (kind === "topology") report(await (await import("./soak/topology.ts")).soakTopology(minutes, from, print));
else {
  print(`there is no kind ${kind}; there are simulation, topology, fuzz, overload, attacks and faults`);
  process.exitCode = 2;
}

function report(problems: readonly string[]): void {
  for (const problem of problems) print(problem);
  print(`${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

async function repeat(seed: number): Promise<void> {
  patchSources([]);
  const { runSchedule } = await import("../test/simulation/schedule.ts");
  const { trace, violation, events } = await runSchedule(seed, { isTracing: true });
  for (const line of trace) print(line);
  print(`seed ${seed}: ${violation ?? "no violation"} (${events} events)`);
  process.exitCode = violation === undefined ? 0 : 1;
}

async function soak(minutes: number, from: number): Promise<void> {
  print(`seeds from ${from}, for ${minutes} minutes`);
  const signal = AbortSignal.timeout(minutes * 60_000);
  let done = 0;
  const { violations, schedules } = await runSeeds({
    from,
    to: Number.MAX_SAFE_INTEGER,
    signal,
    onReport: ({ seed, violation }) => {
      if (violation !== undefined) print(`SEED=${seed}  ${violation}`);
      if (++done % 10_000 === 0) print(`${done} schedules`);
    },
  });
  print(`${schedules} schedules, ${violations.length} with a violation`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
