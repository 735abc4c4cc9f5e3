import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from "prom-client";
import type { Store } from "../store.ts";
import { durationBoundsSeconds, type RequestCounts, type RouteCounts, sum } from "./request-counts.ts";
import { StoreMetrics } from "./store-metrics.ts";

/**
 * What was counted of requests, for Prometheus, with what the store and Node say of themselves. It is loaded with the
 * first scrape; what Node collects begins then.
 */
export class HttpMetrics {
  readonly #registry = new Registry();
  readonly #ofStore: StoreMetrics;

  /** `connections` gives how many are open. */
  constructor(store: Pick<Store, "status">, requests: RequestCounts, connections: () => number) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#ofStore = new StoreMetrics(store, this.#registry);
    new Counter({
      name: "kvasir_http_requests_total",
      help: "Requests answered, by class of status such as 2xx.",
      labelNames: ["method", "route", "status"],
      registers,
      collect() {
        this.reset();
        for (const { method, route, statuses } of requests.all()) {
          for (const [hundreds, count] of statuses.entries()) {
            if (count > 0) this.inc({ method, route, status: `${hundreds}xx` }, count);
          }
        }
      },
    });
    this.#registry.registerMetric(durations(requests));
    new Gauge({
      name: "kvasir_http_requests_in_flight",
      help: "Requests being answered.",
      registers,
      collect() {
        this.set(requests.inFlight);
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

  /** In the text format of Prometheus. */
  async text(): Promise<{ readonly type: string; readonly body: string }> {
    await this.#ofStore.fill();
    return { type: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}

const durationsName = "kvasir_http_request_seconds";

/** A histogram that was counted elsewhere: there a request costs a tenth of what it does in `observe`. */
function durations(requests: RequestCounts): Metric {
  const described = {
    name: durationsName,
    help: "Time from the header fields of a request to its answer.",
    type: "histogram",
    aggregator: "sum",
  };
  // All that the registry asks of a metric.
  const metric = {
    ...described,
    get: async () => ({ ...described, values: Array.from(requests.all(), valuesOf).flat() }),
  };
  return metric as unknown as Metric;
}

function valuesOf({ method, route, durations: counts, sumMs }: RouteCounts) {
  const labels = { method, route };
  const value = (suffix: string, value: number, le?: number | "+Inf") => ({
    labels: le === undefined ? labels : { le, ...labels },
    value,
    metricName: `${durationsName}_${suffix}`,
  });
  let upTo = 0;
  const buckets = durationBoundsSeconds.map((bound, index) => {
    upTo += counts[index]!;
    return value("bucket", upTo, bound);
  });
  const count = sum(counts);
  return [...buckets, value("bucket", count, "+Inf"), value("sum", sumMs / 1000), value("count", count)];
}
