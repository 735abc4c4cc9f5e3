import { cpus, totalmem } from "node:os";
import { type Environment, requireProgram } from "./environment.ts";
import type { Flags, Section } from "./flags.ts";
import type { Results, Special } from "./results.ts";
import { runCases } from "./run-cases.ts";
import { measureLargeValue, measureMemory } from "./special/memory.ts";
import { measureStart } from "./special/start.ts";
import { measureStopped } from "./special/stopped.ts";
import { measureSynchronisation } from "./synchronisation.ts";
import { measureYcsb } from "./ycsb/run.ts";

/** Measures what `flags` ask for. What fails is named as not measured, and the rest goes on. */
export async function measure(flags: Flags, environment: Environment, say: (line: string) => void): Promise<Results> {
  requireProgram("wrk", "wrk");
  const { rounds, seconds, isQuick } = flags;
  const started = performance.now();
  const { measurements, notMeasured } = await runCases(flags.cases, environment, { rounds, seconds, say });
  const problems = [...notMeasured];
  const section = async <T>(name: Section, work: () => Promise<T>): Promise<T | undefined> => {
    if (!flags.sections.includes(name)) return undefined;
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
    startMs: await section("start", () => measureStart(environment, isQuick ? 3 : 10)),
    memory: await section("memory", () => measureMemory(environment, seconds * 2)),
    largeValue: await section("large value", () => measureLargeValue(environment)),
    stopped: await section("frozen server", () => measureStopped(environment, { rounds, seconds })),
  };
  const stored = isQuick ? 2000 : 100_000;
  const ycsb = await section("YCSB", () => measureYcsb(environment, { records: stored, seconds, say }));
  const records = isQuick ? 100_000 : 1_000_000;
  const synchronisation = await section("synchronisation", () =>
    measureSynchronisation(environment, { records, seconds }),
  );
  say(`${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
  return {
    machine: `${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    rounds,
    seconds,
    measurements,
    notMeasured: problems,
    special,
    ycsb: ycsb ?? [],
    synchronisation: synchronisation ?? [],
  };
}
