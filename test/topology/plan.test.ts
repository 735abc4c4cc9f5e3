import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bucketCount } from "../../src/replicas/hash.ts";
import { planOf } from "../../src/topology/plan.ts";
import { begun, type ChangeRequest, type Topology } from "../../src/topology/topology.ts";

const topologyOf = (names: readonly string[], replicas: "all" | number): Topology => {
  return { epoch: 1, members: names.map((name) => ({ name, weight: 1 })), replicas, gone: [] };
};
const plan = (topology: Topology, request: ChangeRequest) =>
  planOf(begun(topology, request, "id"), () => ({ keys: 10, bytes: 1000 }));
const near = (found: number, expected: number) => assert.ok(Math.abs(found / expected - 1) < 0.06, `${found}`);

describe("the plan of a change", () => {
  it("brings a new partition everything where all hold all, and no key changes its place among the others", () => {
    const { moves, keys, bytes, homes, lost } = plan(topologyOf(["a", "b"], "all"), {
      kind: "add",
      name: "c",
      weight: 1,
    });
    assert.deepEqual(moves.map(({ from, to }) => `${from} ${to}`).sort(), ["a c", "b c"]);
    assert.deepEqual([keys, bytes, lost], [bucketCount * 10, bucketCount * 1000, 0]);
    near(homes, 1 / 3);
  });

  it("brings a new partition its share where some hold each key", () => {
    const { moves, keys } = plan(topologyOf(["a", "b", "c"], 2), { kind: "add", name: "d", weight: 1 });
    assert.deepEqual([...new Set(moves.map(({ to }) => to))], ["d"]);
    near(keys, (bucketCount * 10 * 2) / 4);
  });

  it("moves what a partition that leaves held to those that stay", () => {
    const { moves, keys, lost } = plan(topologyOf(["a", "b", "c", "d"], 2), { kind: "drain", name: "d" });
    assert.ok(moves.every(({ to }) => to !== "d"));
    near(keys, (bucketCount * 10 * 2) / 4);
    assert.equal(lost, 0);
  });

  it("asks nothing of one that is lost, and says what is gone with it", () => {
    const request = { kind: "replace", name: "c", by: "d", isLost: true } as const;
    const two = plan(topologyOf(["a", "b", "c"], 2), request);
    assert.ok(two.moves.every(({ from }) => from !== "c"));
    assert.equal(two.lost, 0);
    const one = plan(topologyOf(["a", "b", "c"], 1), request);
    near(one.lost, 1 / 3);
  });

  it("moves nothing when fewer replicas are to hold each key", () => {
    assert.deepEqual(plan(topologyOf(["a", "b", "c"], 3), { kind: "replicas", replicas: 2 }).moves, []);
  });
});
