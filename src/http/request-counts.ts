import { isSafe } from "./host-check.ts";

export const durationBoundsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const boundsMs = durationBoundsSeconds.map((seconds) => seconds * 1000);

/** The requests of one route and method. */
export interface RouteCounts {
  readonly route: string;
  readonly method: string;
  /** How many took at most each of the bounds, and more than the one before; the last one those above all. */
  readonly durations: number[];
  /** By hundreds of their status. */
  readonly statuses: number[];
  sumMs: number;
}

/** The requests for values that this process answered. */
export interface RequestTotals {
  readonly inFlight: number;
  readonly reads: number;
  readonly writes: number;
  /** Of both, those that were answered with 5xx. */
  readonly failed: number;
  /** How many took how long: more than the bound before, and at most `upToMs`, which the last one lacks. */
  readonly durations: readonly { readonly upToMs?: number; readonly count: number }[];
}

/** Counts requests, and how long they took. */
export class RequestCounts {
  /** By route and then by method. */
  readonly #counts = new Map<string, Map<string, RouteCounts>>();
  inFlight = 0;

  begin(): void {
    this.inFlight++;
  }

  /** `route` is one of few names, never a key. */
  end(route: string, method: string, status: number, elapsedMs: number): void {
    this.inFlight--;
    const counts = this.#counts.get(route)?.get(method) ?? this.#add(route, method);
    let bound = 0;
    while (bound < boundsMs.length && elapsedMs > boundsMs[bound]!) bound++;
    counts.durations[bound]!++;
    counts.statuses[Math.floor(status / 100)]!++;
    counts.sumMs += elapsedMs;
  }

  *all(): Iterable<RouteCounts> {
    for (const ofRoute of this.#counts.values()) yield* ofRoute.values();
  }

  totals(): RequestTotals {
    let [reads, writes, failed] = [0, 0, 0];
    const counts = new Array<number>(boundsMs.length + 1).fill(0);
    for (const { route, method, durations, statuses } of this.all()) {
      // Not those for pages, for metrics and for the status itself.
      if (route !== "/batch" && !route.startsWith("/kv")) continue;
      const count = sum(durations);
      if (isSafe(method)) reads += count;
      else writes += count;
      failed += statuses[5]!;
      for (const [index, each] of durations.entries()) counts[index]! += each;
    }
    const durations = counts.map((count, index) =>
      index < boundsMs.length ? { upToMs: boundsMs[index]!, count } : { count },
    );
    return { inFlight: this.inFlight, reads, writes, failed, durations };
  }

  #add(route: string, method: string): RouteCounts {
    const durations = new Array<number>(boundsMs.length + 1).fill(0);
    const counts = { route, method, durations, statuses: new Array<number>(6).fill(0), sumMs: 0 };
    const ofRoute = this.#counts.get(route) ?? new Map<string, RouteCounts>();
    this.#counts.set(route, ofRoute.set(method, counts));
    return counts;
  }
}

export function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
