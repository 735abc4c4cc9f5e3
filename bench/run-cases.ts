import type { Case } from "./cases.ts";
import type { Environment } from "./environment.ts";
import type { Measurement, Results } from "./results.ts";
import { type Contender, isWriting, type Load, type Operation, type Subject } from "./subject.ts";

/** Of a server that has not done this before, whose code is compiled while it runs, and of one that has. */
const warmSeconds = { first: 6, again: 1 };

export interface RunOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
}

export interface CaseResults {
  readonly measurements: readonly Measurement[];
  readonly notMeasured: Results["notMeasured"];
}

/**
 * Runs the cases one after another. The contenders of a case are all up, and are loaded in turn: all in the first
 * round, all in the second. Each is started before its first case and stopped after its last.
 */
export async function runCases(
  cases: readonly Case[],
  environment: Environment,
  { rounds, seconds, say }: RunOptions,
): Promise<CaseResults> {
  const measurements: Measurement[] = [];
  const subjects = new Map<Contender, Subject>();
  const failed = new Map<Contender, string>();
  const done = new Map<Subject, Set<Operation>>();
  try {
    for (const [index, each] of cases.entries()) {
      say(`${each.name} (${index + 1} of ${cases.length})`);
      const loads = new Map<Contender, Load[]>();
      for (const contender of each.contenders) {
        await attempt(contender, failed, say, async () => {
          const subject = subjects.get(contender) ?? (await contender.start(environment));
          subjects.set(contender, subject);
          const spec = specOf(each, contender);
          await subject.fill(spec);
          const operations = done.get(subject) ?? new Set();
          await subject.load(spec, operations.has(spec.operation) ? warmSeconds.again : warmSeconds.first);
          done.set(subject, operations.add(spec.operation));
          await subject.settle();
          loads.set(contender, []);
        });
      }
      for (let round = 0; round < rounds; round++) {
        for (const [contender, rows] of loads) {
          await attempt(contender, failed, say, async () => {
            const subject = subjects.get(contender)!;
            rows.push(await subject.load(specOf(each, contender), each.isWhole ? seconds : Math.ceil(seconds / 2)));
            if (isWriting(each.spec.operation)) await subject.settle();
          });
        }
      }
      for (const [{ name, isDurable }, rows] of loads) {
        if (rows.length > 0) measurements.push({ case: each.name, contender: name, isDurable, rounds: rows });
      }
      const later = new Set(cases.slice(index + 1).flatMap(({ contenders }) => contenders));
      for (const [contender, subject] of subjects) {
        if (later.has(contender)) continue;
        subjects.delete(contender);
        await subject.stop();
      }
    }
  } finally {
    for (const subject of subjects.values()) await subject.stop();
  }
  return { measurements, notMeasured: Array.from(failed, ([{ name }, reason]) => ({ name, reason })) };
}

/** One that fails is left out from then on, and the others go on. */
async function attempt(
  contender: Contender,
  failed: Map<Contender, string>,
  say: (line: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  if (failed.has(contender)) return;
  try {
    await work();
  } catch (error) {
    const reason = (error as Error).message.trim().split("\n")[0]!;
    failed.set(contender, reason);
    say(`  ${contender.name}: ${reason}`);
  }
}

function specOf({ spec }: Case, { keys }: Contender) {
  return keys === undefined ? spec : { ...spec, keys };
}
