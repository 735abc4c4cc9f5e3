import type { ChangeRequest } from "../../src/topology/topology.ts";
import { runSchedule } from "./schedule.ts";

export const changeKinds: readonly ChangeRequest["kind"][] = ["add", "drain", "replace", "weight", "replicas"];

export interface CrashedChanges {
  /** Calls of partitions that carry the change, when nobody is killed. */
  readonly calls: number;
  readonly failures: readonly string[];
}

/**
 * Runs the schedule of `seed` with one change of the topology: whole, and then again and again with a front end killed
 * at each of the calls that carry the change.
 */
export async function crashAtCalls(kind: ChangeRequest["kind"], seed: number): Promise<CrashedChanges> {
  const failures: string[] = [];
  const run = async (killedAt: number): Promise<number> => {
    const { violation, counts } = await runSchedule(seed, { given: given(kind, killedAt) });
    const problem = violation ?? (counts.changes === 1 ? undefined : `${counts.changes} changes ended`);
    if (problem !== undefined) failures.push(`${kind}, seed ${seed}, killed at call ${killedAt}: ${problem}`);
    return counts.topologyCalls ?? 0;
  };
  const calls = await run(0);
  for (let killedAt = 1; killedAt <= calls; killedAt++) await run(killedAt);
  return { calls, failures };
}

/** Three partitions, two front ends, and nothing that goes wrong but the crash. */
function given(kind: ChangeRequest["kind"], killedAt: number) {
  const keys = ["k0", "k1", "k2", "k3", "k4", "k5"];
  const common = { partitions: 3, replicas: 2, frontEnds: 2, clients: 2, operations: 40, thinkMs: 100 } as const;
  return { ...common, keys, faults: [], changes: [kind], killedAt, standIn: true, skewMs: 900 };
}
