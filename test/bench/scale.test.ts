import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type Costs,
  defaults,
  firstLimit,
  greatestRate,
  type Layout,
  type ResourceName,
  usage,
} from "../../bench/scale/model.ts";
import { table } from "../../bench/scale/table.ts";

const costs = JSON.parse(readFileSync(new URL("../../bench/scale/costs.json", import.meta.url), "utf8")) as Costs;

const layouts = fc
  .record({
    frontEnds: fc.integer({ min: 1, max: 64 }),
    partitions: fc.integer({ min: 1, max: 64 }),
    replicas: fc.integer({ min: 1, max: 8 }),
    keys: fc.integer({ min: 0, max: 1e9 }),
    rate: fc.integer({ min: 0, max: 1e6 }),
    writes: fc.double({ min: 0, max: 0.9, noNaN: true }),
    lists: fc.double({ min: 0, max: 0.1, noNaN: true }),
    databaseCores: fc.integer({ min: 1, max: 64 }),
    roundTrip: fc.integer({ min: 10, max: 5000 }),
    fsync: fc.integer({ min: 10, max: 20_000 }),
  })
  .map((given): Layout => ({ ...defaults, ...given, replicas: Math.min(given.replicas, given.partitions) }));

const useOf = (layout: Layout, name: ResourceName) => usage(layout, costs).find((each) => each.name === name)!.use;

describe("the capacity model", () => {
  it("uses no less of anything at a higher rate, or with more keys", () => {
    fc.assert(
      fc.property(layouts, fc.double({ min: 1, max: 10, noNaN: true }), (layout, factor) => {
        for (const more of [{ rate: layout.rate * factor }, { keys: layout.keys * factor }]) {
          const before = usage(layout, costs);
          for (const [index, { name, use }] of usage({ ...layout, ...more }, costs).entries())
            assert.ok(use >= before[index]!.use * 0.999 - 1e-9, `${name}: ${before[index]!.use} before, ${use} after`);
        }
      }),
    );
  });

  it("carries no more with more replicas, slower disks, or a longer way to them", () => {
    fc.assert(
      fc.property(layouts, (layout) => {
        const { rate } = greatestRate(layout, costs);
        const replicas = Math.min(layout.partitions, layout.replicas + 1);
        assert.ok(greatestRate({ ...layout, replicas }, costs).rate <= rate * 1.001);
      }),
      { numRuns: 30 },
    );
  });

  it("carries exactly what uses its first limit up", () => {
    fc.assert(
      fc.property(layouts, (layout) => {
        const { rate, limit } = greatestRate(layout, costs);
        assert.ok(usage({ ...layout, rate: rate * 0.999 }, costs).every(({ use }) => use <= 1) || rate === 0);
        assert.ok(useOf({ ...layout, rate: rate * 1.001 + 1 }, limit.name) >= 1);
        assert.notEqual(limit.change, "");
      }),
      { numRuns: 50 },
    );
  });

  const ways: Record<ResourceName, Partial<Layout>> = {
    "front-end CPU": { frontEnds: 1, databaseCores: 64 },
    "database CPU": {
      keys: 0,
      frontEnds: 64,
      partitions: 1,
      replicas: 1,
      databaseCores: 1,
      maxConnections: 10_000,
      writes: 0.5,
    },
    "read connections": {
      readConnections: 1,
      roundTrip: 100_000,
      frontEnds: 64,
      partitions: 1,
      replicas: 1,
      maxConnections: 1e4,
      writes: 0,
      lists: 0,
      databaseCores: 64,
    },
    "write connections": {
      writeConnections: 1,
      fsync: 500_000,
      frontEnds: 64,
      partitions: 1,
      replicas: 1,
      writes: 1,
      lists: 0,
      databaseCores: 64,
      maxConnections: 1e4,
    },
    "connections of a server": { frontEnds: 128, maxConnections: 500 },
    digests: { keys: 1e9 },
    outbox: {
      fsync: 500_000,
      frontEnds: 64,
      writes: 1,
      lists: 0,
      databaseCores: 64,
      maxConnections: 1e4,
      partitions: 2,
      replicas: 2,
      keys: 0,
    },
    lists: {
      frontEnds: 500,
      partitions: 1,
      replicas: 1,
      writes: 0,
      lists: 0.5,
      listLimit: 1000,
      maxConnections: 1e5,
      databaseCores: 1,
      keys: 0,
    },
  };

  for (const [name, way] of Object.entries(ways)) {
    it(`names ${name} where that is the first limit`, () => {
      assert.equal(greatestRate({ ...defaults, ...way }, costs).limit.name, name);
    });
  }

  it("lets what waits travel together, so that the last of a front end is used with large batches", () => {
    const one = { ...defaults, frontEnds: 1, partitions: 1, replicas: 1, writes: 0, lists: 0 };
    const { rate } = greatestRate(one, costs);
    const alone = 1e6 / (costs.request.frontEnd + costs.read.frontEnd[0] + costs.read.frontEnd[1]);
    assert.ok(rate > alone);
    assert.equal(firstLimit({ ...one, rate }, costs).name, "front-end CPU");
  });

  it("says how each cost was measured", () => {
    for (const [name, cost] of Object.entries(costs)) {
      if (name !== "machine") assert.match((cost as { measured: string }).measured, /\w{4}/, name);
    }
  });
});

describe("npm run scale", () => {
  const run = (...args: string[]) => spawnSync(process.execPath, ["bench/scale.ts", ...args], { encoding: "utf8" });

  it("shows what each resource is used, and the first limit with what to change", () => {
    const { stdout } = run("--front-ends", "4", "--partitions", "8", "--replicas", "3", "--rate", "20000");
    for (const name of ["front-end CPU", "database CPU", "connections of a server", "digests", "outbox", "lists"])
      assert.match(stdout, new RegExp(`^${name} +[0-9.]+ %`, "m"));
    assert.match(stdout, /^first limit: [\w -]+, at [0-9,]+ requests a second; then: \w/m);
  });

  it("refuses what cannot be, by the name of the flag", () => {
    assert.match(run("--replicas", "4", "--partitions", "3").stderr, /--replicas/);
  });

  it("makes the table in docs/scaling.md", () => {
    const text = readFileSync("docs/scaling.md", "utf8");
    assert.ok(text.includes(table(costs)), "put what `npm run -s scale -- --table` prints into docs/scaling.md");
  });
});
