import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Edit } from "./patches.ts";
import type { WorkerReport, WorkerTask } from "./worker.ts";

export interface SeedsOptions {
  readonly from: number;
  readonly to: number;
  /** Runs every seed twice, and takes a difference for a violation. */
  readonly isRepeated?: boolean;
  /** Ends with the first violation. */
  readonly isStoppedByViolation?: boolean;
  readonly edits?: readonly Edit[];
  readonly threads?: number;
  readonly onReport?: (report: WorkerReport) => void;
  readonly signal?: AbortSignal;
}

export interface SeedsResult {
  /** How many schedules were run. */
  readonly schedules: number;
  readonly events: number;
  readonly counts: { readonly [name: string]: number };
  /** The seeds that violate something, least first. */
  readonly violations: readonly { readonly seed: number; readonly violation: string }[];
}

/** Runs the schedules of many seeds on all processors. */
export async function runSeeds(options: SeedsOptions): Promise<SeedsResult> {
  const { from, to, isRepeated = false, isStoppedByViolation = false, edits = [], signal, onReport } = options;
  const threads = Math.min(options.threads ?? availableParallelism(), to - from + 1);
  const violations: { seed: number; violation: string }[] = [];
  const counts: { [name: string]: number } = {};
  const workers: Worker[] = [];
  let schedules = 0;
  let events = 0;
  const note = (report: WorkerReport) => {
    schedules++;
    events += report.events;
    for (const [name, count] of Object.entries(report.counts)) counts[name] = (counts[name] ?? 0) + count;
    onReport?.(report);
    const { seed, violation } = report;
    if (violation === undefined) return;
    violations.push({ seed, violation });
    if (isStoppedByViolation) for (const worker of workers) void worker.terminate();
  };
  const runs = Array.from({ length: threads }, (_, index) => {
    const workerData: WorkerTask = { from: from + index, to, step: threads, isRepeated, isStoppedByViolation, edits };
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData });
    workers.push(worker);
    signal?.addEventListener("abort", () => void worker.terminate());
    return new Promise<void>((resolve, reject) => {
      worker.on("message", note);
      worker.on("error", reject);
      worker.on("exit", () => resolve());
    });
  });
  await Promise.all(runs);
  violations.sort((a, b) => a.seed - b.seed);
  return { schedules, events, counts, violations };
}
