import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PartTurns } from "../../src/http/part-turns.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("parts of large answers", () => {
  it("are handed over in their order, so many in each turn of the event loop, and new ones behind those that wait", async () => {
    const turns = new PartTurns(3);
    const begun: number[] = [];
    const take = async (part: number) => {
      await turns.take();
      begun.push(part);
    };
    const taken = [1, 2, 3, 4, 5, 6, 7].map(take);
    await Promise.resolve();
    assert.deepEqual(begun, [1, 2, 3]);
    await turn();
    assert.deepEqual(begun, [1, 2, 3, 4, 5, 6]);
    taken.push(take(8), take(9), take(10));
    await turn();
    assert.deepEqual(begun, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await Promise.all(taken);
    assert.equal(begun.at(-1), 10);
  });

  it("wait for nothing while they are few", async () => {
    const turns = new PartTurns(2);
    for (let round = 0; round < 3; round++) {
      assert.equal(turns.take(), undefined);
      assert.equal(turns.take(), undefined);
      await turn();
    }
  });
});
