import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Store } from "../store.ts";
import { isSafe } from "./host-check.ts";
import { StoreMetrics } from "./store-metrics.ts";

const durationBoundsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

interface Series {
  readonly labels: { readonly method: string; readonly route: string; readonly status: string };
  readonly seconds: Histogram.Internal<string>;
  count: number;
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

/** Counts requests, and how long they took, for Prometheus; with what the store says of itself. */
export class HttpMetrics {
  readonly #registry = new Registry();
  readonly #seconds: Histogram<"method" | "route">;
  /** The labelled series by route, method and class of status: finding them by label takes longer. */
  readonly #series = new Map<string, Map<string, Series[]>>();
  readonly #ofStore: StoreMetrics;
  #inFlight = 0;

  /** `connections` gives how many are open. */
  constructor(store: Pick<Store, "status">, connections: () => number) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#ofStore = new StoreMetrics(store, this.#registry);
    const all = () => this.#allSeries();
    new Counter({
      name: "kvasir_http_requests_total",
      help: "Requests answered, by class of status such as 2xx.",
      labelNames: ["method", "route", "status"],
      registers,
      collect() {
        this.reset();
        for (const { labels, count } of all()) this.inc(labels, count);
      },
    });
    this.#seconds = new Histogram({
      name: "kvasir_http_request_seconds",
      help: "Time from the header fields of a request to its answer.",
      labelNames: ["method", "route"],
      buckets: [...durationBoundsSeconds],
      registers,
    });
    const inFlight = () => this.#inFlight;
    new Gauge({
      name: "kvasir_http_requests_in_flight",
      help: "Requests being answered.",
      registers,
      collect() {
        this.set(inFlight());
      },
    });
    new Gauge({
      name: "kvasir_http_connections",
      help: "Connections that are open.",
      registers,
      collect() {
        this.set(connections());
      },
    });
  }

  begin(): void {
    this.#inFlight++;
  }

  /** `route` is one of few names, never a key. */
  end(route: string, method: string, status: number, elapsedMs: number): void {
    this.#inFlight--;
    const series = this.#seriesOf(route, method, Math.floor(status / 100));
    series.count++;
    series.seconds.observe(elapsedMs / 1000);
  }

  /** Added up from the metrics, when it is asked for. */
  async requests(): Promise<RequestTotals> {
    const seconds = await this.#seconds.get();
    let [reads, writes, failed] = [0, 0, 0];
    for (const { labels, count } of this.#allSeries()) {
      if (!isForValues(labels.route)) continue;
      if (isSafe(labels.method)) reads += count;
      else writes += count;
      if (labels.status === "5xx") failed += count;
    }
    const cumulative = new Map<number, number>(durationBoundsSeconds.map((bound) => [bound, 0]));
    let total = 0;
    for (const { labels, metricName, value } of seconds.values) {
      if (!isForValues(labels.route)) continue;
      const bound = Number((labels as { le?: string | number }).le);
      if (metricName?.endsWith("_bucket") && cumulative.has(bound)) {
        cumulative.set(bound, cumulative.get(bound)! + value);
      } else if (metricName?.endsWith("_count")) total += value;
    }
    let before = 0;
    const durations = [...cumulative].map(([bound, upTo]) => {
      const count = upTo - before;
      before = upTo;
      return { upToMs: bound * 1000, count };
    });
    return { inFlight: this.#inFlight, reads, writes, failed, durations: [...durations, { count: total - before }] };
  }

  /** In the text format of Prometheus. */
  async text(): Promise<{ readonly type: string; readonly body: string }> {
    await this.#ofStore.fill();
    return { type: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  *#allSeries(): Iterable<Series> {
    for (const ofRoute of this.#series.values()) {
      for (const ofMethod of ofRoute.values()) yield* ofMethod.filter((series) => series !== undefined);
    }
  }

  #seriesOf(route: string, method: string, statusClass: number): Series {
    const known = this.#series.get(route)?.get(method)?.[statusClass];
    if (known !== undefined) return known;
    const ofRoute = this.#series.get(route) ?? new Map<string, Series[]>();
    const ofMethod = ofRoute.get(method) ?? [];
    const labels = { method, route, status: `${statusClass}xx` };
    const series = { labels, seconds: this.#seconds.labels({ method, route }), count: 0 };
    ofMethod[statusClass] = series;
    this.#series.set(route, ofRoute.set(method, ofMethod));
    return series;
  }
}

/** Not those for pages, for metrics and for the status itself. */
function isForValues(route: string | number | undefined): boolean {
  return route === "/batch" || String(route).startsWith("/kv");
}
