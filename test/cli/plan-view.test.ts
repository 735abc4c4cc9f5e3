import assert from "node:assert/strict";
import { it } from "node:test";
import { planLines, rateOf } from "../../src/cli/partition/plan-view.ts";
import { begun, type Topology } from "../../src/topology/topology.ts";

it("a plan says how long it takes, at a rate that was measured, asked for or assumed", () => {
  const members = [{ name: "a", weight: 1 }];
  const topology: Topology = { epoch: 5, members, replicas: 1, gone: [] };
  const next = begun(topology, { kind: "add", name: "b", weight: 1 }, "id");
  const plan = { moves: [{ from: "a", to: "b", keys: 6000, bytes: 9 }], keys: 6000, bytes: 9, homes: 0.5, lost: 0 };
  const timeOf = (limit: number | undefined, measured: number | undefined) =>
    planLines(next, plan, rateOf(limit, measured), 200).find((line) => line.includes("in about"));
  assert.match(timeOf(undefined, undefined)!, /in about 2 s at 5000 keys a second, which is assumed: no change/);
  assert.match(timeOf(undefined, 1999.6)!, /in about 3 s at 2000 keys a second, as the last change brought them$/);
  assert.match(timeOf(100, 2000)!, /in about 60 s at 100 keys a second, as --rate says$/);
  assert.match(timeOf(9000, 2000)!, /in about 3 s at 2000 keys a second, as the last change/);
  assert.match(timeOf(3000, undefined)!, /in about 2 s at 3000 keys a second, as --rate says$/);
});
