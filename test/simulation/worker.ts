import { parentPort, workerData } from "node:worker_threads";
import { type Edit, patchSources } from "./patches.ts";
import type { ScheduleResult } from "./schedule.ts";

/** What a worker is to do: the seeds `from`, `from + step`, … up to `to`. */
export interface WorkerTask {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  /** Runs every seed twice, and compares. */
  readonly isRepeated: boolean;
  readonly isStoppedByViolation: boolean;
  readonly edits: readonly Edit[];
}

export interface WorkerReport {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly events: number;
  readonly counts: ScheduleResult["counts"];
}

const { from, to, step, isRepeated, isStoppedByViolation, edits } = workerData as WorkerTask;
patchSources(edits);
const { runSchedule } = await import("./schedule.ts");
for (let seed = from; seed <= to; seed += step) {
  const first = await runSchedule(seed);
  let { violation } = first;
  if (isRepeated) {
    const second = await runSchedule(seed);
    const isSame = first.traceHash === second.traceHash && first.events === second.events;
    if (!isSame || first.violation !== second.violation) violation ??= "two runs of this seed are not the same";
  }
  const report: WorkerReport = { seed, violation, events: first.events, counts: first.counts };
  parentPort?.postMessage(report);
  if (violation !== undefined && isStoppedByViolation) break;
}
