import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type HistoryOperation, isLinearizable } from "../support/linearizability.ts";
import { SeededRandom } from "../support/seeded-random.ts";

type Operation = HistoryOperation<number>;

const span = (invoked: number, answered: number) => ({ invoked, answered });
const write = (value: number, invoked: number, answered: number): Operation => ({
  name: `write ${value}`,
  ...span(invoked, answered),
  step: () => value,
});
const lostWrite = (value: number, invoked: number): Operation => ({
  ...write(value, invoked, Number.POSITIVE_INFINITY),
  isOptional: true,
});
const read = (value: number, invoked: number, answered: number): Operation => ({
  name: `read ${value}`,
  ...span(invoked, answered),
  step: (state) => (state === value ? state : undefined),
});
const swap = (from: number, to: number, invoked: number, answered: number): Operation => ({
  name: `swap ${from} by ${to}`,
  ...span(invoked, answered),
  step: (state) => (state === from ? to : undefined),
});
const refusedSwap = (from: number, invoked: number, answered: number): Operation => ({
  name: `refused swap of ${from}`,
  ...span(invoked, answered),
  step: (state) => (state === from ? undefined : state),
});

describe("the linearizability checker", () => {
  const good: { [name: string]: Operation[] } = {
    "one after the other": [write(1, 0, 1), read(1, 2, 3), swap(1, 2, 4, 5), read(2, 6, 7)],
    "overlapping writes, read in either order": [write(1, 0, 10), write(2, 0, 10), read(2, 11, 12)],
    "a read that overlaps a write and sees the value before it": [write(1, 0, 1), write(2, 2, 9), read(1, 3, 4)],
    "two swaps of one value, of which one is refused": [swap(0, 1, 0, 5), refusedSwap(0, 0, 5)],
    "a write without an answer that took effect much later": [lostWrite(1, 0), read(0, 1, 2), read(1, 3, 4)],
    "a write without an answer that never took effect": [lostWrite(1, 0), read(0, 1, 2), read(0, 3, 4)],
    "nothing at all": [],
  };
  const bad: { [name: string]: Operation[] } = {
    "a stale read": [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)],
    "a read of what was never written": [write(1, 0, 1), read(3, 2, 3)],
    "a lost update: two swaps of the same value, both accepted": [swap(0, 1, 0, 5), swap(0, 2, 0, 5)],
    "a swap that was refused although its value was there": [write(1, 0, 1), refusedSwap(1, 2, 3)],
    "a write that was undone": [write(1, 0, 1), read(1, 2, 3), read(0, 4, 5)],
    "two readers that see two writes in different orders": [
      write(1, 0, 100),
      write(2, 0, 100),
      read(1, 10, 20),
      read(2, 30, 40),
      read(1, 50, 60),
    ],
    "a write without an answer that took effect twice": [
      lostWrite(1, 0),
      read(1, 1, 2),
      write(2, 3, 4),
      read(2, 5, 6),
      read(1, 7, 8),
    ],
    "a write without an answer that took effect before it was sent": [read(1, 0, 1), lostWrite(1, 2)],
    "an acknowledged write that a swap of the value before it went over": [
      swap(0, 5, 0, 1),
      write(6, 2, 9),
      swap(5, 7, 3, 4),
      read(7, 10, 11),
    ],
  };
  for (const [name, history] of Object.entries(good)) {
    it(`accepts ${name}`, () => assert.ok(isLinearizable(history, 0)));
  }
  for (const [name, history] of Object.entries(bad)) {
    it(`rejects ${name}`, () => assert.ok(!isLinearizable(history, 0)));
  }

  it("accepts whatever a real register does, and rejects it with one answer falsified", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed);
      const history: Operation[] = [];
      let state = 0;
      for (let index = 1; index <= 12; index++) {
        // It takes effect at `at`, anywhere between its invocation and its answer.
        const at = index * 10;
        const invoked = at - random.integer(0, 25);
        const answered = at + random.integer(0, 25);
        if (random.chance(0.5)) history.push(read(state, invoked, answered));
        else {
          history.push(write(index, invoked, answered));
          state = index;
        }
      }
      assert.ok(isLinearizable(history, 0), `seed ${seed}`);
      const falsified = [...history, read(99, 50, 60)];
      assert.ok(!isLinearizable(falsified, 0), `seed ${seed}`);
    }
  });
});
