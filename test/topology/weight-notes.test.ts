import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { begun, finished, switched, type Topology } from "../../src/topology/topology.ts";
import { WeightNotes } from "../../src/topology/weight-notes.ts";
import { silentLog } from "../support/memory-store.ts";

const placed = (weights: Readonly<Record<string, number>>) =>
  Object.entries(weights).map(([name, weight]) => ({ name, weight }));
const stored: Topology = { epoch: 1, members: placed({ p1: 1, p2: 2 }), replicas: 2, gone: [] };

function watch(weights: Readonly<Record<string, number>>) {
  const logged: object[] = [];
  const state = { topology: stored, configured: () => placed(weights) };
  const notes = new WeightNotes({
    topology: () => state.topology,
    configured: () => state.configured(),
    log: { ...silentLog, warn: (facts) => logged.push(facts) },
  });
  notes.look();
  return { notes, state, logged };
}

const note =
  "its weight is 2 in the store, and 1 in the configuration: set weight = 2 there, or run kvasir partition weight p2 1";

describe("a weight that the configuration and the store have not alike", () => {
  it("is named with both figures and the mend, and logged once", () => {
    const { notes, logged } = watch({ p1: 1, p2: 1 });
    notes.look();
    assert.deepEqual([notes.of("p1"), notes.of("p2")], ["", note]);
    assert.deepEqual(logged, [{ partition: "p2", problem: note }]);
  });

  it("is no longer named when the file says what the store has, or the store is about to have what the file says", () => {
    const { notes, state } = watch({ p1: 1, p2: 1 });
    state.configured = () => placed({ p1: 1, p2: 2 });
    notes.look();
    assert.equal(notes.of("p2"), "");
    state.configured = () => placed({ p1: 1, p2: 1 });
    state.topology = begun(stored, { kind: "weight", name: "p2", weight: 1 }, "id");
    notes.look();
    assert.equal(notes.of("p2"), "");
    state.topology = finished(switched(state.topology, 0));
    notes.look();
    assert.equal(notes.of("p2"), "");
  });

  it("is not looked for where the configuration has no section or cannot be read, nor before the store has a topology", () => {
    const { notes, state, logged } = watch({ p1: 1 });
    assert.equal(notes.of("p2"), "");
    state.configured = () => {
      throw new Error("half a file");
    };
    notes.look();
    state.configured = () => placed({ p1: 7, p2: 7 });
    state.topology = { ...stored, epoch: 0 };
    notes.look();
    assert.deepEqual([notes.of("p1"), notes.of("p2"), logged], ["", "", []]);
  });
});
