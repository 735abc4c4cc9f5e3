import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cases, names } from "../../bench/cases.ts";
import { bare, etcd, sqlite } from "../../bench/contenders.ts";
import { limitsOf, report } from "../../bench/report.ts";
import { type Measurement, median, type Results, summarise } from "../../bench/results.ts";
import type { Load } from "../../bench/subject.ts";
import { judge } from "../../bench/targets.ts";

const load = (requestsPerSecond: number, failures = 0): Load => ({
  requestsPerSecond,
  p50Ms: 1,
  p99Ms: 2,
  failures,
  cpuMicroseconds: 10,
});

const measured = (name: string, { name: contender, isDurable }: typeof sqlite, rates: number[]): Measurement => ({
  case: name,
  contender,
  isDurable,
  rounds: rates.map((rate) => load(rate)),
});

const results = (changes: Partial<Results> = {}): Results => ({
  machine: "a machine",
  node: "v0",
  rounds: 3,
  seconds: 4,
  measurements: [],
  notMeasured: [],
  special: {},
  ycsb: [],
  synchronisation: [],
  ...changes,
});

const judgedAs = (given: Results, pattern: RegExp) => {
  const found = judge(given).filter(({ target }) => pattern.test(target));
  assert.equal(found.length, 1);
  return { reached: found[0]!.reached, isReached: found[0]!.isReached };
};

describe("the medians", () => {
  it("are the middle, or the mean of the two there", () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.ok(Number.isNaN(median([])));
  });

  it("are taken of each figure, while failures add up", () => {
    const summary = summarise([load(10, 1), load(30, 2), load(20)]);
    assert.deepEqual([summary.requestsPerSecond, summary.failures], [20, 3]);
    assert.equal(summary.databaseCpuMicroseconds, undefined);
  });
});

describe("the targets", () => {
  it("compare the medians of one case", () => {
    const measurements = [
      measured(names.get, bare, [100, 90, 110]),
      measured(names.get, sqlite, [75, 80, 10]),
      measured(names.get, etcd, [15, 16, 14]),
      measured(names.put, bare, [1, 1, 1]),
    ];
    const given = results({ measurements });
    assert.deepEqual(judgedAs(given, /^GET on SQLite: bare/), { reached: "0.75", isReached: true });
    assert.deepEqual(judgedAs(given, /^GET on SQLite: etcd/), { reached: "5.00", isReached: true });
    assert.deepEqual(judgedAs(given, /^durable PUT on SQLite: bare/), { reached: undefined, isReached: false });
  });

  it("are missed when they are missed", () => {
    const stopped = { healthyP99Ms: [2], stoppedP99Ms: [7], failuresAtFirst: 0, failuresThen: 0 };
    const special = { stopped, startMs: [401, 402, 403], memory: { idleBytes: 1, loadedBytesMax: 200 * 2 ** 20 } };
    const given = results({ special });
    assert.deepEqual(judgedAs(given, /^p99 of GETs/), { reached: "3.50", isReached: false });
    assert.deepEqual(judgedAs(given, /answers at most 400 ms/), { reached: "402 ms", isReached: false });
    assert.deepEqual(judgedAs(given, /512 connections/), { reached: "200 MiB", isReached: false });
  });
});

describe("the report", () => {
  it("has each case, what failed, what was not measured and why", () => {
    const rounds = [load(50, 7)];
    const text = report(
      results({
        measurements: [{ case: names.get, contender: sqlite.name, isDurable: true, rounds }],
        notMeasured: [{ name: etcd.name, reason: "no such package" }],
        ycsb: [{ subject: "SQLite", workload: "A", operationsPerSecond: 1234.4, p50Ms: 1, p99Ms: 2, failures: 0 }],
      }),
      limitsOf("# Limits\n\nThe disk.\n\n## Details\n\nMore.\n"),
    );
    assert.match(text, /^## Why not all are reached\n\nThe disk\.\n+\[limits\.md\]/m);
    assert.match(text, /^## GET$/m);
    assert.match(text, /^\| Kvasir, SQLite \(7 failed\) \| yes \| 50 \| 1\.00 \|/m);
    assert.match(text, /^- etcd, JSON gateway: no such package$/m);
    assert.match(text, /^\| A \| SQLite \| 1234 \|/m);
    assert.doesNotMatch(text, /Synchronisation/);
  });
});

describe("the cases", () => {
  it("have names of their own", () => {
    assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
  });

  it("have what every target looks at", () => {
    for (const name of Object.values(names))
      assert.ok(
        cases.some((each) => each.name === name),
        name,
      );
  });
});
