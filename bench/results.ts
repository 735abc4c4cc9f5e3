import type { Load } from "./subject.ts";

/** Everything that one run measured, as bench/results.json keeps it. */
export interface Results {
  readonly machine: string;
  readonly node: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly measurements: readonly Measurement[];
  readonly notMeasured: readonly { readonly name: string; readonly reason: string }[];
  readonly special: Special;
  readonly ycsb: readonly YcsbResult[];
  readonly synchronisation: readonly SynchronisationResult[];
}

/** All rounds of one case on one contender. */
export interface Measurement {
  readonly case: string;
  readonly contender: string;
  readonly isDurable: boolean;
  readonly rounds: readonly Load[];
}

export interface Special {
  /** From the start of the process to its first answer, of each start. */
  readonly startMs?: readonly number[] | undefined;
  readonly stopped?: StoppedResult | undefined;
  readonly memory?: MemoryResult | undefined;
  readonly largeValue?: LargeValueResult | undefined;
}

export interface StoppedResult {
  readonly healthyP99Ms: readonly number[];
  /** After the first two seconds. */
  readonly stoppedP99Ms: readonly number[];
  /** Of the requests in the first two seconds, and in those after. */
  readonly failuresAtFirst: number;
  readonly failuresThen: number;
}

export interface MemoryResult {
  readonly idleBytes: number;
  readonly loadedBytesMax: number;
}

export interface LargeValueResult {
  readonly valueBytes: number;
  /** What the process grew by at most while it took the value, and while it gave it. */
  readonly putBytes: number;
  readonly getBytes: number;
}

export interface YcsbResult {
  readonly subject: string;
  readonly workload: string;
  readonly operationsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: number;
}

export interface SynchronisationResult {
  readonly engine: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

/** The median of each figure over the rounds, and all failures. */
export function summarise(rounds: readonly Load[]): Load {
  const of = (figure: (load: Load) => number) => median(rounds.map(figure));
  const hasDatabase = rounds.some((round) => round.databaseCpuMicroseconds !== undefined);
  return {
    requestsPerSecond: of((load) => load.requestsPerSecond),
    p50Ms: of((load) => load.p50Ms),
    p99Ms: of((load) => load.p99Ms),
    failures: rounds.reduce((sum, load) => sum + load.failures, 0),
    cpuMicroseconds: of((load) => load.cpuMicroseconds),
    databaseCpuMicroseconds: hasDatabase ? of((load) => load.databaseCpuMicroseconds ?? 0) : undefined,
  };
}

/** The one in the middle, or the mean of the two there; NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const above = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const below = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (above + below) / 2;
}
