import { parseArgs } from "node:util";
import { patchSources } from "../test/simulation/patches.ts";
import { runSeeds } from "../test/simulation/run-seeds.ts";

/**
 * `node scripts/soak.ts --minutes 60` runs simulated schedules until the time is over and prints the seeds that
 * violate a promise. `SEED=123 node scripts/soak.ts` repeats one, with everything that happens in it.
 */
const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, from: { type: "string" } },
});
const print = (line: string) => process.stdout.write(`${line}\n`);

if (process.env.SEED !== undefined) await repeat(Number(process.env.SEED));
else await soak(Number(values.minutes), Number(values.from ?? Date.now() % 1e9));

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
