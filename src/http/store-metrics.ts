import { Counter, Gauge, type Registry } from "prom-client";
import type { BatchCount } from "../partition.ts";
import type { Store } from "../store.ts";
import type { PartitionStatus, StoreStatus } from "../store-types.ts";

/** Scrapes that come sooner see the same again: a status asks every partition what it owes. */
const statusAgeMsMax = 1000;

/** What the store knows of its partitions and their synchronisation, for Prometheus; asked when it is scraped. */
export class StoreMetrics {
  readonly #store: Pick<Store, "status">;
  readonly #registry: Registry;
  readonly #fillers: ((status: StoreStatus) => void)[] = [];
  #filled: Promise<void> | undefined;
  #filledAt = 0;

  constructor(store: Pick<Store, "status">, registry: Registry) {
    this.#store = store;
    this.#registry = registry;
    this.#addPartitions();
    this.#addSynchronisation();
    this.#addPasses();
  }

  /** Brings the metrics up to date. */
  fill(): Promise<void> {
    if (this.#filled === undefined || performance.now() - this.#filledAt > statusAgeMsMax) {
      this.#filledAt = performance.now();
      this.#filled = this.#store.status().then((status) => {
        for (const fill of this.#fillers) fill(status);
      });
      this.#filled.catch(() => {
        this.#filled = undefined;
      });
    }
    return this.#filled;
  }

  #addPartitions(): void {
    this.#addGauge("kvasir_ready", "1 when all keys can be served, else 0.", ({ isReady }) => Number(isReady));
    this.#addGauge("kvasir_topology_epoch", "Number of the topology.", ({ topology }) => topology.epoch);
    this.#addGauge(
      "kvasir_topology_progress",
      "Which part of a change of the topology is done, from 0 to 1. No series when none is under way.",
      ({ topology }) => topology.progress,
    );
    const partition = ["partition"] as const;
    this.#addGauges("kvasir_partition_steady", "1 when the partition is in use, else 0.", partition, ({ partitions }) =>
      partitions.map(({ name, state }) => [[name], Number(state === "steady")]),
    );
    this.#addGauges(
      "kvasir_partition_latency_seconds",
      "Recent mean time of a call to the partition.",
      partition,
      ({ partitions }) => partitions.map(({ name, latencyMs }) => [[name], latencyMs / 1000]),
    );
    this.#addGauges(
      "kvasir_partition_keys",
      "Live keys that the partition held when all were last compared. No series before this process has done so.",
      partition,
      ({ partitions }) => sizeSamples(partitions, (size) => size.keys),
    );
    this.#addGauges("kvasir_partition_value_bytes", "Bytes of the values of these keys.", partition, ({ partitions }) =>
      sizeSamples(partitions, (size) => size.bytes),
    );
    const batches = ["partition", "kind"] as const;
    this.#addCounters("kvasir_batches_total", "Batches that left for the partition.", batches, (partitions) =>
      batchSamples(partitions, (count) => count.batches),
    );
    this.#addCounters("kvasir_batch_members_total", "Reads or writes in these batches.", batches, (partitions) =>
      batchSamples(partitions, (count) => count.members),
    );
    const owing = ["partition", "target"] as const;
    this.#addGauges(
      "kvasir_hints_owed",
      "Writes that the partition has and the target is owed. No series when the partition cannot be asked.",
      owing,
      ({ partitions }) => owedSamples(partitions, (owed) => owed?.count ?? 0),
    );
    this.#addGauges(
      "kvasir_hints_oldest_age_seconds",
      "Age of the oldest of these writes; 0 when there is none.",
      owing,
      ({ partitions }) => owedSamples(partitions, (owed) => age(owed?.oldest) ?? 0),
    );
  }

  #addSynchronisation(): void {
    this.#addCounter("kvasir_hints_delivered_total", "Records brought to replicas.", ({ delivered }) => delivered);
    this.#addCounter(
      "kvasir_writes_discarded_total",
      "Writes of stand-ins that lost to a greater version.",
      ({ discarded }) => discarded,
    );
    this.#addCounter(
      "kvasir_writes_unknown_total",
      "Writes that were answered with 504.",
      ({ unknownOutcomes }) => unknownOutcomes,
    );
    this.#addCounter(
      "kvasir_versions_future_total",
      "Versions from more than a minute ahead that were not followed.",
      ({ futureVersions }) => futureVersions,
    );
    this.#addGauge(
      "kvasir_records_set_aside",
      "Records that a replica refuses to take.",
      ({ sync }) => sync.setAside.length,
    );
    this.#addGauge(
      "kvasir_clock_skew_seconds",
      "How far this clock is ahead of the database servers'. No series when there is nothing to compare with.",
      ({ sync }) => seconds(sync.clockSkewMs),
    );
  }

  #addPasses(): void {
    const pass = "in the last comparison of all partitions";
    this.#addGauge("kvasir_pass_records", `Records ${pass}.`, ({ sync }) => sync.lastPass?.records);
    this.#addGauge("kvasir_pass_differing", `Keys that differed ${pass}.`, ({ sync }) => sync.lastPass?.differing);
    this.#addGauge("kvasir_pass_mended", `Records mended ${pass}.`, ({ sync }) => sync.lastPass?.mended);
    this.#addGauge(
      "kvasir_pass_damaged",
      `Keys with one version and two contents ${pass}.`,
      ({ sync }) => sync.lastPass?.damaged.length,
    );
    this.#addGauge("kvasir_pass_age_seconds", "Time since that comparison.", ({ sync }) => age(sync.lastPass?.at));
    this.#addGauge("kvasir_purge_records", "Records that the last purge forgot.", ({ sync }) => sync.lastPurge?.purged);
    this.#addGauge("kvasir_purge_blocked", "1 when the last purge could not be, else 0.", ({ sync: { lastPurge } }) =>
      lastPurge === undefined ? undefined : Number(lastPurge.blocked !== ""),
    );
    this.#addGauge("kvasir_purge_age_seconds", "Time since that purge.", ({ sync }) => age(sync.lastPurge?.at));
  }

  /** `undefined` is a metric without a value, which is not the same as 0. */
  #addGauge(name: string, help: string, read: (status: StoreStatus) => number | undefined): void {
    this.#addGauges(name, help, [], (status) => {
      const value = read(status);
      return value === undefined ? [] : [[[], value]];
    });
  }

  #addGauges<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (status: StoreStatus) => readonly Sample[],
  ): void {
    const gauge = new Gauge({ name, help, labelNames, registers: [this.#registry] });
    const clear = () => {
      gauge.reset();
      if (labelNames.length === 0) gauge.remove();
    };
    clear();
    this.#fillers.push((status) => {
      clear();
      for (const [labels, value] of read(status)) {
        gauge.set(labelled(labelNames, labels), value);
      }
    });
  }

  #addCounters<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (partitions: readonly PartitionStatus[]) => readonly Sample[],
  ): void {
    const counter = new Counter({ name, help, labelNames, registers: [this.#registry] });
    this.#fillers.push(({ partitions }) => {
      counter.reset();
      for (const [labels, value] of read(partitions)) counter.inc(labelled(labelNames, labels), value);
    });
  }

  #addCounter(name: string, help: string, read: (sync: StoreStatus["sync"]) => number): void {
    const counter = new Counter({ name, help, registers: [this.#registry] });
    this.#fillers.push(({ sync }) => {
      counter.reset();
      counter.inc(read(sync));
    });
  }
}

type Sample = readonly [labels: readonly string[], value: number];
type LabelValues<L extends string> = { [label in L]: string };

function labelled<L extends string>(names: readonly L[], labels: readonly string[]): LabelValues<L> {
  return Object.fromEntries(names.map((name, index) => [name, labels[index]])) as LabelValues<L>;
}

function batchSamples(partitions: readonly PartitionStatus[], read: (count: BatchCount) => number): Sample[] {
  return partitions.flatMap(({ name, batches }) =>
    Object.entries(batches ?? {}).map(([kind, count]): Sample => [[name, kind], read(count)]),
  );
}

function sizeSamples(
  partitions: readonly PartitionStatus[],
  read: (size: NonNullable<PartitionStatus["size"]>) => number,
): Sample[] {
  return partitions.flatMap(({ name, size }) => (size === undefined ? [] : [[[name], read(size)] as const]));
}

type Owed = NonNullable<PartitionStatus["owed"]>[number];

/** A sample for each other partition, also for one that is owed nothing: its series must not come and go. */
function owedSamples(partitions: readonly PartitionStatus[], read: (owed: Owed | undefined) => number): Sample[] {
  return partitions.flatMap(({ name, owed }) => {
    if (owed === undefined) return [];
    const targets = partitions.filter((partition) => partition.name !== name);
    return targets.map((target): Sample => {
      return [[name, target.name], read(owed.find((each) => each.target === target.name))];
    });
  });
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

function age(at: number | undefined): number | undefined {
  return at === undefined ? undefined : Math.max(0, Date.now() - at) / 1000;
}
