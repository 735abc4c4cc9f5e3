import assert from "node:assert/strict";
import { describe } from "node:test";
import { compareKeys } from "../../../src/key.ts";
import type { Partition } from "../../../src/partition.ts";
import { type Record, tombstone } from "../../../src/record.ts";
import { stampAt } from "../../../src/version.ts";
import { assertRecord, type Bench, now, recordOf, textOf, versionIn, writeOf, writer } from "./bench.ts";

const floor = stampAt(now);
const floors = { writeFloor: floor, floor };

export function purgingClaims(bench: Bench): void {
  const { claim, key, writeOne, readOne, write, fresh } = bench;
  describe("remove", () => {
    claim("deletes a record, or a tombstone, of exactly that version and no other", async () => {
      const version = { stamp: floor, writer: 5 };
      const kept = recordOf(key("kept"), version, "x");
      const dead = { ...tombstone, key: key("dead"), version };
      const gone = recordOf(key("gone"), version, "x");
      await bench.partition.apply([kept, dead, gone]);
      const others = [
        { key: kept.key, version: { stamp: floor, writer: 4 } },
        { key: kept.key, version: { stamp: floor, writer: 6 } },
        { key: kept.key, version: { stamp: floor - 1n, writer: 5 } },
        { key: kept.key, version: { stamp: floor + 1n, writer: 5 } },
        { key: key("absent"), version },
      ];
      assert.equal(await bench.partition.remove(others), 0);
      assert.equal(await bench.partition.remove([...others, gone, dead, ...others]), 2);
      assert.equal(await bench.partition.remove([gone, dead]), 0);
      assert.equal(await bench.partition.remove([]), 0);
      const records = await bench.partition.read([kept.key, dead.key, gone.key]);
      for (const [index, expected] of [kept, undefined, undefined].entries()) assertRecord(records[index], expected);
    });

    claim("lets the key be created again", async () => {
      const first = await writeOne("again");
      assert.equal(await bench.partition.remove([{ key: key("again"), version: versionIn(first) }]), 1);
      const second = await writeOne("again", { condition: { ifNoneMatch: "*" } });
      assert.deepEqual([second.kind, second.kind === "applied" && second.existed], ["applied", false]);
      assert.equal(textOf(await readOne("again")), "x");
    });

    claim("takes many at once, and counts none twice", async () => {
      const texts = Array.from({ length: 300 }, (_, index) => `m${index}`);
      const outcomes = await bench.partition.write(texts.map((text) => write(text)));
      const records = texts.map((text, index) => ({ key: key(text), version: versionIn(outcomes[index]) }));
      const stale = records.filter((_, index) => index % 3 === 0).map((record) => record.key);
      await bench.partition.write(stale.map((each) => writeOf(each)));
      assert.equal(await bench.partition.remove([...records, ...records.toReversed()]), 200);
      const found = await bench.partition.read(records.map((record) => record.key));
      assert.ok(found.every((record, index) => (record !== undefined) === (index % 3 === 0)));
    });
  });

  describe("purge", () => {
    const at = (text: string, stamp: bigint, expires = 0) => recordOf(key(text), { stamp, writer }, "x", { expires });
    const dead = (text: string, stamp: bigint) => ({ ...tombstone, key: key(text), version: { stamp, writer } });

    for (const rowsMax of [1, 2, 7, 1000]) {
      claim(`deletes what the floor allows and nothing else, in slices of ${rowsMax}`, async () => {
        const { partition } = await fresh();
        const purgeable = [
          dead("dead at the floor", floor),
          dead("dead below", 1n),
          dead("é", floor - 1n),
          at("expired at the floor's time", floor, now),
          at("expired long ago", 5n, 1),
        ];
        const kept = [
          dead("dead above", floor + 1n),
          dead("dead far above", 2n ** 63n - 1n),
          at("live at the floor", floor),
          at("live below", 1n),
          at("expires after the floor's time", floor, now + 1),
          at("newer and expired", floor + 1n, now - 1),
          at("\u{10000}", floor + 1n),
        ];
        const all = [...purgeable, ...kept].sort((a, b) => compareKeys(a.key, b.key));
        await partition.apply(all);
        assert.equal(await purgeAll(partition, rowsMax), 0);
        await partition.raise({ writeFloor: floor + 9n });
        assert.equal(await purgeAll(partition, rowsMax), 0);
        await partition.raise({ floor });

        const isLeft = new Set<Record>(all);
        for (let after = ""; ; ) {
          const slice = all.filter((record) => compareKeys(record.key, after) > 0).slice(0, rowsMax);
          const gone = slice.filter((record) => purgeable.includes(record));
          for (const record of gone) isLeft.delete(record);
          const { purged, last } = await partition.purge(after, rowsMax);
          assert.equal(purged, gone.length);
          const found = await partition.read(all.map((record) => record.key));
          for (const [index, record] of all.entries())
            assertRecord(found[index], isLeft.has(record) ? record : undefined);
          if (last === undefined) break;
          assert.equal(last, slice.at(-1)?.key);
          after = last;
        }
        assert.deepEqual([...isLeft].length, kept.length);
        assert.equal(await purgeAll(partition, rowsMax), 0);
      });
    }

    claim("finds nothing in an empty partition", async () => {
      const { partition } = await fresh();
      assert.deepEqual(await partition.purge("", 10), { purged: 0, last: undefined });
    });

    claim("deletes many from one slice", async () => {
      const { partition } = await fresh();
      await partition.apply(
        Array.from({ length: 2500 }, (_, index) => (index % 5 === 0 ? at : dead)(`${index}`, floor)),
      );
      await partition.raise(floors);
      assert.equal(await purgeAll(partition, 10_000), 2000);
      assert.equal(await purgeAll(partition, 10_000), 0);
    });

    claim("lets a key be created again, and keeps its ghost away", async () => {
      const { partition } = await fresh();
      const ghost = at("again", floor - 5n);
      await partition.apply([dead("again", floor - 4n)]);
      await partition.raise(floors);
      assert.equal(await purgeAll(partition, 10), 1);
      assert.equal(await partition.apply([ghost]), 1);
      const create = () => partition.write([writeOf(ghost.key, { condition: { ifNoneMatch: "*" }, stamp: 1n })]);
      const [created] = await create();
      assert.ok(versionIn(created).stamp > floor);
      assert.equal((await create())[0]?.kind, "condition_failed");
      assert.equal(await partition.apply([ghost]), 0);
      const [found] = await partition.read([ghost.key]);
      assert.deepEqual(found?.version, versionIn(created));
      assert.equal(await purgeAll(partition, 10), 0);
    });

    claim("never takes what another handle has just written or received", async () => {
      const { partition, another } = await fresh();
      const other = await another();
      const texts = Array.from({ length: 40 }, (_, index) => `t${index}`);
      for (let round = 1; round <= 15; round++) {
        const risen = floor + BigInt(round * 1000);
        await partition.apply(texts.map((text) => dead(text, risen)));
        assert.equal(await partition.raise({ writeFloor: risen, floor: risen }), true);
        const written = texts.filter((_, index) => index % 2 === 0);
        const received = texts.filter((_, index) => index % 2 === 1);
        await Promise.all([
          purgeAll(partition, 9),
          other.write(written.map((text) => writeOf(key(text), { stamp: risen - 1n }))),
          other.apply(received.map((text) => at(text, risen + 1n))),
        ]);
        const found = await partition.read(texts.map(key));
        assert.ok(found.every((record) => record?.isTombstone === false));
      }
    });
  });
}

async function purgeAll(partition: Partition, rowsMax: number): Promise<number> {
  let sum = 0;
  for (let after = ""; ; ) {
    const { purged, last } = await partition.purge(after, rowsMax);
    sum += purged;
    if (last === undefined) return sum;
    after = last;
  }
}
