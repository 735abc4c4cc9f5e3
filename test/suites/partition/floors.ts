import assert from "node:assert/strict";
import { describe } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Partition } from "../../../src/partition.ts";
import { tombstone } from "../../../src/record.ts";
import { stampAt } from "../../../src/version.ts";
import {
  assertRecord,
  type Bench,
  contentOf,
  mulberry32,
  now,
  recordOf,
  seed,
  textOf,
  versionIn,
  writeOf,
  writer,
} from "./bench.ts";

const floor = stampAt(now);
const floors = { writeFloor: floor, floor };

export function floorClaims(bench: Bench): void {
  const { claim, key, fresh } = bench;
  describe("the write floor", () => {
    claim("is below every later write, whatever stamp it asks for", async () => {
      const { partition } = await fresh();
      const older = recordOf(key("old"), { stamp: floor - 50n, writer }, "x");
      const newer = recordOf(key("new"), { stamp: floor + 50n, writer }, "x");
      await partition.apply([older, newer]);
      assert.equal(await partition.raise({ writeFloor: floor }), true);
      const stampOf = async (text: string, stamp: bigint) => {
        const [outcome] = await partition.write([writeOf(key(text), { stamp, owed: ["west"] })]);
        return versionIn(outcome).stamp;
      };
      assert.ok((await stampOf("absent", floor - 1000n)) > floor);
      assert.ok((await stampOf("equal", floor)) > floor);
      assert.equal(await stampOf("above", floor + 1n), floor + 1n);
      assert.ok((await stampOf("old", floor - 40n)) > floor);
      assert.ok((await stampOf("new", floor - 40n)) > floor + 50n);
      const hints = await partition.hints("west", "", 10);
      assert.deepEqual([hints.length, hints.every((hint) => hint.version.stamp > floor)], [5, true]);
    });

    claim("is noticed however many batches before were above it", async () => {
      const { partition } = await fresh();
      const stamps = Array.from({ length: 8 }, (_, batch) => floor - 1000n + BigInt(batch));
      const last = floor - 900n;
      for (const stamp of stamps) await partition.write([writeOf(key("a"), { stamp, owed: ["west"] })]);
      await partition.raise({ writeFloor: floor });
      const [outcome] = await partition.write([writeOf(key("a"), { stamp: last, owed: ["west"] })]);
      assert.ok(versionIn(outcome).stamp > floor);
      const [record] = await partition.read([key("a")]);
      const [hint] = await partition.hints("west", "", 10);
      assert.deepEqual([record?.version, hint?.version], [versionIn(outcome), versionIn(outcome)]);
    });

    claim("holds for deletes, conditions and request ids as well", async () => {
      const { partition } = await fresh();
      await partition.raise({ writeFloor: floor });
      const stamp = floor - 7n;
      const outcomes = await partition.write([
        writeOf(key("a"), { stamp, condition: { ifNoneMatch: "*" } }),
        writeOf(key("b"), { stamp, request: { id: "r", digest: "d" } }),
        writeOf(key("a"), { stamp, content: tombstone }),
      ]);
      assert.ok(outcomes.every((outcome) => versionIn(outcome).stamp > floor));
      const recalled = await partition.recall(key("b"), "r");
      assert.deepEqual(recalled?.version, versionIn(outcomes[1]));
    });

    claim("makes a repeated plain write at or below it unknown when it is not there", async () => {
      const { partition } = await fresh();
      await partition.apply([recordOf(key("older"), { stamp: floor - 9n, writer }, "old")]);
      await partition.raise({ writeFloor: floor });
      for (const stamp of [floor, floor - 5n]) {
        const repeated = { attempted: { stamp, writer }, owed: ["west"] };
        const outcomes = await partition.write([
          writeOf(key("absent"), repeated),
          writeOf(key("neighbour")),
          writeOf(key("older"), repeated),
        ]);
        assert.deepEqual(
          outcomes.map(({ kind }) => kind),
          ["unknown", "applied", "unknown"],
        );
      }
      const records = await partition.read(["absent", "neighbour", "older"].map(key));
      assert.deepEqual(records.map(textOf), [undefined, "x", "old"]);
      assert.deepEqual(await partition.hints("west", "", 10), []);
    });

    claim("lets a repeated plain write be found, overtaken, or stored above it", async () => {
      const { partition } = await fresh();
      const attempted = { stamp: floor - 5n, writer };
      await partition.apply([
        recordOf(key("there"), attempted, "x"),
        recordOf(key("overtaken"), { stamp: floor - 4n, writer }, "newer"),
      ]);
      await partition.raise({ writeFloor: floor });
      const above = { stamp: floor + 1n, writer };
      const outcomes = await partition.write([
        writeOf(key("there"), { attempted }),
        writeOf(key("overtaken"), { attempted }),
        writeOf(key("above"), { attempted: above }),
      ]);
      assert.deepEqual(outcomes, [
        { kind: "found", version: attempted },
        { kind: "unknown" },
        { kind: "applied", version: above, existed: false },
      ]);
      const records = await partition.read(["there", "overtaken", "above"].map(key));
      assert.deepEqual(records.map(textOf), ["x", "newer", "x"]);
    });

    claim("lets a repeated conditional write be decided anew, above it", async () => {
      const { partition } = await fresh();
      await partition.raise({ writeFloor: floor });
      const attempted = { stamp: floor - 5n, writer };
      const [outcome] = await partition.write([
        writeOf(key("new"), { attempted, stamp: floor - 5n, condition: { ifNoneMatch: "*" } }),
      ]);
      assert.ok(versionIn(outcome).stamp > floor);
    });
  });

  describe("the floor", () => {
    claim("drops and counts ghosts: records at or below it whose key is absent", async () => {
      const { partition } = await fresh();
      await partition.raise(floors);
      const at = (text: string, stamp: bigint, content = contentOf(text)) => ({
        ...content,
        key: key(text),
        version: { stamp, writer },
      });
      const batch = [at("equal", floor), at("above", floor + 1n), at("below", 1n), at("deleted", floor, tombstone)];
      assert.equal(await partition.apply(batch), 3);
      assert.equal(await partition.apply(batch), 3);
      assert.equal(await partition.apply([]), 0);
      const records = await partition.read(batch.map((record) => record.key));
      assert.deepEqual(records.map(textOf), [undefined, "above", undefined, undefined]);
      const { buckets } = await partition.digest({ after: "", rowsMax: 10, cutoff: 2n ** 62n, floor: 0n, now: 0 });
      assert.deepEqual(
        buckets.map(({ sums: [count] }) => count),
        [1],
      );
    });

    claim("drops no greater version of a key that is there, be it a tombstone", async () => {
      const { partition } = await fresh();
      const old = { stamp: floor - 20n, writer };
      await partition.apply([recordOf(key("live"), old, "old"), { ...tombstone, key: key("dead"), version: old }]);
      await partition.raise(floors);
      const greater = [
        recordOf(key("live"), { stamp: floor - 10n, writer }, "greater"),
        recordOf(key("dead"), { stamp: floor, writer }, "greater"),
      ];
      const lesser = recordOf(key("live"), { stamp: floor - 30n, writer }, "lesser");
      assert.equal(await partition.apply([...greater, recordOf(key("ghost"), old, "ghost")]), 1);
      assert.equal(await partition.apply([lesser]), 0);
      const records = await partition.read(["live", "dead", "ghost"].map(key));
      for (const [index, record] of records.entries()) assertRecord(record, greater[index]);
    });

    claim("lets a partition that still receives its records take old ones", async () => {
      const { partition } = await fresh(true);
      await partition.raise(floors);
      const record = recordOf(key("old"), { stamp: floor - 1n, writer }, "old");
      assert.equal(await partition.apply([record]), 1);
      assert.equal(await partition.apply([record], { pass: 0 }), 0);
      assert.equal(await partition.apply([record]), 0);
      const [found] = await partition.read([record.key]);
      assertRecord(found, record);
    });

    claim("lets it take nothing old any more once it has all of them, or holds other keys", async () => {
      const { partition } = await fresh(true);
      await partition.raise(floors);
      const record = recordOf(key("late"), { stamp: floor - 1n, writer }, "old");
      const newer = recordOf(key("newer"), { stamp: floor + 1n, writer }, "new");
      await partition.raise({ pass: 1, isComplete: true });
      for (const receiving of [{ pass: 0 }, { epoch: 1 }, { pass: 1, epoch: 1 }, { pass: 0, epoch: 0 }])
        await assert.rejects(partition.apply([newer, record], receiving), { name: "PartitionError", kind: "rejected" });
      assert.deepEqual(await partition.read([record.key, newer.key]), [undefined, undefined]);
      assert.equal(await partition.apply([newer, record], { pass: 1, epoch: 0 }), 0);
    });

    claim("tells ghosts among many", async () => {
      const { partition } = await fresh();
      const texts = Array.from({ length: 700 }, (_, index) => `m${index}`);
      const present = texts.filter((_, index) => index % 7 === 0);
      await partition.apply(present.map((text) => recordOf(key(text), { stamp: 1n, writer }, "old")));
      await partition.raise(floors);
      const batch = texts.map((text, index) =>
        recordOf(key(text), { stamp: floor + BigInt(index % 3) - 1n, writer }, "n"),
      );
      const ghosts = texts.filter((_, index) => index % 7 !== 0 && index % 3 !== 2);
      assert.equal(await partition.apply(batch), ghosts.length);
      const records = await partition.read(texts.map(key));
      assert.deepEqual(
        texts.filter((_, index) => records[index] === undefined),
        ghosts,
      );
      assert.ok(records.every((record) => record === undefined || textOf(record) === "n"));
    });

    claim("never passes a hint, with writes in flight from another handle while it rises", async () => {
      const { partition, another } = await fresh();
      const handles = [partition, await another()];
      const random = mulberry32(seed);
      let raised = 0;
      for (let round = 1; round <= 60; round++) {
        const base = floor + BigInt(round * 1000);
        const asked = base + 4n;
        const later = async <T>(run: () => Promise<T>) => {
          for (let turns = Math.floor(random() * 4); turns > 0; turns--) await turn();
          return run();
        };
        const write = (handle: Partition, worker: number) =>
          handle.write(
            ["shared", `own-${worker}`, `new-${round}-${worker}`].map((text, index) =>
              writeOf(key(text), { stamp: base + BigInt(index * 3), writer: worker + 1, owed: ["west"] }),
            ),
          );
        const raise = async (handle: Partition) => {
          if (round % 2 === 0) return handle.raise({ writeFloor: asked, floor: asked });
          return (await handle.raise({ writeFloor: asked })) && handle.raise({ floor: asked });
        };
        const [isRaised] = await Promise.all([
          later(() => raise(handles[round % 2]!)),
          ...[0, 1, 2, 3].map((worker) => later(() => write(handles[worker % 2]!, worker))),
        ]);
        const progress = await partition.progress();
        const hints = await partition.hints("west", "", 1000);
        assert.equal(progress.floor === asked, isRaised);
        assert.ok(hints.every((hint) => hint.version.stamp > progress.floor));
        const records = await partition.read(hints.map((hint) => hint.key));
        assert.ok(records.every((record) => record!.version.stamp > progress.floor));
        if (isRaised) raised++;
        await partition.settle(hints);
      }
      assert.ok(raised > 0);
    });
  });
}
