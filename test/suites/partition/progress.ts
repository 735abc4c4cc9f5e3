import assert from "node:assert/strict";
import { describe } from "node:test";
import fc from "fast-check";
import type { Progress } from "../../../src/partition.ts";
import { stampAt } from "../../../src/version.ts";
import { type Bench, now, seed, suiteIdentity, writeOf } from "./bench.ts";

const start: Progress = { isComplete: true, pass: 0, seen: {}, writeFloor: 0n, floor: 0n };

export function progressClaims(bench: Bench): void {
  const { claim, key, fresh } = bench;
  describe("progress and raise", () => {
    claim("start complete and at zero", async () => {
      const { partition } = await fresh();
      assert.deepEqual(await partition.progress(), start);
      assert.deepEqual((await partition.open()).progress, start);
    });

    claim(
      "start incomplete where the partition joins, whoever initialises it again, until that is raised",
      async () => {
        const { partition, another } = await fresh(true);
        assert.deepEqual(await partition.progress(), { ...start, isComplete: false });
        const identity = { ...suiteIdentity, partition: partition.name };
        await partition.initialise(identity);
        assert.equal((await partition.open()).progress.isComplete, false);
        assert.equal(await partition.raise({ isComplete: true }), true);
        await partition.initialise(identity, true);
        assert.equal(await partition.raise({ isComplete: false }), true);
        assert.deepEqual(await (await another()).progress(), start);
      },
    );

    claim("raise each member by itself, lower none, and merge what was seen", async () => {
      const { partition } = await fresh();
      const names = ["west", "north", "p".repeat(64), "constructor", "a.b_c-d"];
      const stamp = fc.bigInt({ min: 0n, max: 8n });
      const member = fc.record(
        {
          isComplete: fc.boolean(),
          pass: fc.nat({ max: 9 }),
          seen: fc.dictionary(fc.constantFrom(...names), fc.nat({ max: 9 }), { noNullPrototype: true }),
          writeFloor: stamp,
          floor: stamp,
        },
        { requiredKeys: [] },
      );
      let expected = start;
      const property = fc.asyncProperty(member, async (given) => {
        const greatest = <T extends number | bigint>(a: T, b: T | undefined) => (b !== undefined && b > a ? b : a);
        const seen = new Map(Object.entries(expected.seen));
        for (const [name, pass] of Object.entries(given.seen ?? {})) seen.set(name, greatest(pass, seen.get(name)));
        const raised = {
          isComplete: true,
          pass: greatest(expected.pass, given.pass),
          seen: Object.fromEntries(seen),
          writeFloor: greatest(expected.writeFloor, given.writeFloor),
          floor: greatest(expected.floor, given.floor),
        };
        const mayCount = given.isComplete === true || (given.pass ?? 0) <= expected.pass + 1;
        const isAllowed = raised.floor <= raised.writeFloor && mayCount;
        assert.equal(await partition.raise(given), isAllowed);
        if (isAllowed) expected = raised;
        assert.deepEqual(await partition.progress(), expected);
      });
      await fc.assert(property, { numRuns: 60, seed, endOnFailure: true });
    });

    claim("keep large counts and stamps exactly, for every handle and after reopening", async () => {
      const { partition, another } = await fresh();
      const large = {
        isComplete: true,
        pass: 2 ** 50 + 1,
        seen: { west: 2 ** 50 + 3 },
        writeFloor: 2n ** 63n - 1n,
        floor: 2n ** 62n + 1n,
      };
      assert.equal(await partition.raise(large), true);
      assert.equal(await partition.raise({}), true);
      const second = await another();
      assert.deepEqual(await second.progress(), large);
      await second.close();
      assert.deepEqual((await second.open()).progress, large);
    });

    claim("refuse to count over what is missing, and raise nothing with it", async () => {
      const { partition } = await fresh();
      assert.equal(await partition.raise({ pass: 1 }), true);
      assert.equal(await partition.raise({ pass: 3, seen: { west: 1 } }), false);
      assert.deepEqual(await partition.progress(), { ...start, pass: 1 });
      assert.equal(await partition.raise({ pass: 2 }), true);
      assert.equal(await partition.raise({ pass: 7, isComplete: true }), true);
      assert.deepEqual(await partition.progress(), { ...start, pass: 7 });
    });

    claim("refuse a floor above the write floor, and raise nothing with it", async () => {
      const { partition } = await fresh();
      assert.equal(await partition.raise({ writeFloor: 10n }), true);
      const before = await partition.progress();
      assert.equal(await partition.raise({ floor: 11n, pass: 1, seen: { west: 1 } }), false);
      assert.deepEqual(await partition.progress(), before);
      assert.equal(await partition.raise({ floor: 10n, pass: 5, isComplete: true }), true);
      assert.equal(await partition.raise({ floor: 12n, writeFloor: 12n }), true);
      assert.deepEqual(await partition.progress(), { ...start, pass: 5, floor: 12n, writeFloor: 12n });
    });

    claim("refuse a floor while a hint at or below it is owed, and raise nothing with it", async () => {
      const { partition } = await fresh();
      const stamp = stampAt(now);
      await partition.write([writeOf(key("owed"), { owed: ["west"], stamp })]);
      await partition.write([writeOf(key("later"), { owed: ["north"], stamp: stamp + 9n })]);
      for (const floor of [stamp, stamp + 5n]) {
        assert.equal(await partition.raise({ floor, writeFloor: stamp + 9n, pass: 1 }), false);
        assert.deepEqual(await partition.progress(), start);
      }
      assert.equal(await partition.raise({ floor: stamp - 1n, writeFloor: stamp + 9n }), true);
      assert.equal(await partition.raise({ floor: stamp }), false);
      assert.equal(await partition.raise({ pass: 2, isComplete: true }), true);
      await partition.settle(await partition.hints("west", "", 10));
      assert.equal(await partition.raise({ floor: stamp + 8n }), true);
      assert.equal(await partition.raise({ floor: stamp + 9n }), false);
      assert.deepEqual(await partition.progress(), { ...start, pass: 2, floor: stamp + 8n, writeFloor: stamp + 9n });
    });

    claim("lose nothing of what several raise at once", async () => {
      const { partition, another } = await fresh();
      const handles = [partition, await another()];
      const numbers = Array.from({ length: 16 }, (_, index) => index + 1);
      await Promise.all(
        numbers.map((pass) =>
          handles[pass % 2]!.raise({ pass, isComplete: true, seen: { [`p${pass}`]: pass, all: pass } }),
        ),
      );
      const seen = Object.fromEntries(numbers.map((pass) => [`p${pass}`, pass]));
      assert.deepEqual(await partition.progress(), { ...start, pass: 16, seen: { ...seen, all: 16 } });
    });
  });
}
