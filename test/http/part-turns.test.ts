import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PartTurns } from "../../src/http/part-turns.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Turns of 3 ms, with parts each of which takes `partMs`. */
function handOver() {
  let now = 0;
  const begun: number[] = [];
  const turns = new PartTurns(3, () => now);
  const hand = async (part: number, partMs: number) => {
    const waiting = turns.take();
    if (waiting !== undefined) await waiting;
    begun.push(part);
    now += partMs;
  };
  return { turns, begun, hand };
}

describe("parts of large answers", () => {
  it("are handed over while a turn of the event loop has time for them, new ones behind those that wait", async () => {
    const { begun, hand } = handOver();
    for (let part = 1; part <= 8; part++) void hand(part, 1);
    assert.deepEqual(begun, [1, 2, 3]);
    await turn();
    assert.deepEqual(begun, [1, 2, 3, 4, 5, 6]);
    const last = [9, 10, 11].map((part) => hand(part, 1));
    await turn();
    assert.deepEqual(begun, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await Promise.all(last);
    assert.deepEqual(begun.slice(9), [10, 11]);
  });

  it("go one in each turn where each takes longer than a turn has time for", async () => {
    const { begun, hand } = handOver();
    for (let part = 1; part <= 4; part++) void hand(part, 100);
    for (const expected of [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]) {
      assert.deepEqual(begun, expected);
      await turn();
    }
  });

  it("are not all asked in one turn whether there is time, however many wait", async () => {
    const { begun, hand } = handOver();
    void hand(0, 100);
    for (let part = 1; part <= 200; part++) void hand(part, 0);
    const each: number[] = [];
    for (let before = 1; begun.length <= 200; before = begun.length) {
      await turn();
      each.push(begun.length - before);
    }
    assert.deepEqual(each, [64, 64, 64, 8]);
  });

  it("wait for nothing while they are few", async () => {
    const { turns } = handOver();
    for (let round = 0; round < 3; round++) {
      assert.equal(turns.take(), undefined);
      assert.equal(turns.take(), undefined);
      await turn();
    }
  });
});
