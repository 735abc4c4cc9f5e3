import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { PartitionError } from "../../src/partition.ts";
import type { Runtime } from "../../src/runtime.ts";
import { FillingTurn } from "../../src/topology/filling-turn.ts";
import { syncStore } from "../support/sync-store.ts";

/** Two programs on the same partitions; a third is killed while it has the turn. */
async function programs(context: TestContext) {
  const { replicaSet, runtime, clock, members, close } = await syncStore(2);
  context.after(close);
  const program = (more: Partial<Runtime> = {}) =>
    new FillingTurn({ replicas: replicaSet, runtime: { ...runtime, ...more } });
  return { a: program(), b: program(), killed: program({ after: () => () => undefined }), clock, members };
}

const state = (progress: number, keysPerSecond = 0) => ({ progress, keysPerSecond });

function giveBy(turn: FillingTurn, result: string): Promise<string | undefined> {
  return turn.run(
    () => state(0),
    async () => result,
  );
}

describe("the turn to fill", () => {
  it("is had by one program at a time, and the other knows how far it is", async (context) => {
    const { a, b } = await programs(context);
    const { promise: filled, resolve: fill } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const first = a.run(
      () => state(0.4, 3000),
      async () => {
        begin();
        await filled;
        return "done";
      },
    );
    await begun;
    assert.equal(await b.run(() => state(0), assert.fail), undefined);
    assert.equal(b.other?.progress, 0.4);
    assert.deepEqual([a.isTaken, b.isTaken, a.other], [true, true, undefined]);
    fill();
    assert.equal(await first, "done");
    assert.equal(a.isTaken, false);
    assert.equal(await giveBy(b, "done too"), "done too");
    assert.deepEqual([b.isTaken, b.other], [false, undefined]);
    assert.equal(await b.keysPerSecond(), 3000);
  });

  it("is given back by work that fails", async (context) => {
    const { a, b } = await programs(context);
    const failing = a.run(
      () => state(0),
      () => Promise.reject(new PartitionError("unreachable", "p1", "gone")),
    );
    await assert.rejects(failing, /gone/);
    assert.equal(await giveBy(b, "done"), "done");
  });

  it("passes on by itself from a program that was killed, and not before", async (context) => {
    const { killed, b, clock } = await programs(context);
    void killed.run(
      () => state(0.2),
      () => new Promise(() => undefined),
    );
    while (!killed.isTaken) await new Promise((resolve) => setImmediate(resolve));
    clock.now += 29_000;
    assert.equal(await b.run(() => state(0), assert.fail), undefined);
    assert.equal(b.isTaken, true);
    clock.now += 2000;
    assert.equal(b.isTaken, false);
    assert.equal(await giveBy(b, "done"), "done");
  });

  it("is had by whoever asks where it cannot be stored", async (context) => {
    const { a, members } = await programs(context);
    for (const member of members) {
      member.use = () => Promise.reject(new PartitionError("full", member.name, "no room"));
    }
    assert.equal(await giveBy(a, "done"), "done");
    assert.equal(await a.keysPerSecond(), undefined);
  });
});
