import assert from "node:assert/strict";
import { describe } from "node:test";
import { PartitionError, type Write } from "../../../src/partition.ts";
import { tombstone } from "../../../src/record.ts";
import { compareVersions, stampAt } from "../../../src/version.ts";
import { type Bench, contentOf, now, textOf, versionIn, writer } from "./bench.ts";

export function writingClaims(bench: Bench): void {
  const { claim, key, write, writeOne, readOne, keysOfSpace } = bench;
  describe("write", () => {
    claim("stamps at least the stamp given, and more than the row's", async () => {
      const first = await writeOne("stamped", { stamp: stampAt(now) });
      assert.deepEqual(first, { kind: "applied", version: { stamp: stampAt(now), writer }, existed: false });
      const second = await writeOne("stamped", { stamp: stampAt(now - 5000), writer: 7 });
      assert.equal(versionIn(second).stamp > stampAt(now), true);
      assert.equal(versionIn(second).writer, 7);
      const third = await writeOne("stamped", { stamp: stampAt(now + 5000) });
      assert.equal(versionIn(third).stamp, stampAt(now + 5000));
      const fourth = await writeOne("stamped", { stamp: stampAt(now + 5000) });
      assert.ok(versionIn(fourth).stamp > stampAt(now + 5000));
      assert.deepEqual((await readOne("stamped"))?.version, versionIn(fourth));
    });

    claim("counts on from a tombstone as well", async () => {
      const deleted = await writeOne("buried", { content: tombstone, stamp: stampAt(now + 9000) });
      const created = await writeOne("buried", { stamp: stampAt(now) });
      assert.ok(compareVersions(versionIn(created), versionIn(deleted)) > 0);
    });

    claim("tells whether a live record was there", async () => {
      const existed = async (changes: Partial<Write>) => {
        const outcome = await writeOne("live", changes);
        return outcome.kind === "applied" && outcome.existed;
      };
      assert.equal(await existed({}), false);
      assert.equal(await existed({}), true);
      assert.equal(await existed({ content: tombstone }), true);
      assert.equal(await existed({ content: tombstone }), false);
      assert.equal(await existed({ content: contentOf("short", { expires: now + 10 }) }), false);
      assert.equal(await existed({ now: now + 9 }), true);
      assert.equal(await existed({ content: contentOf("short", { expires: now + 10 }) }), true);
      assert.equal(await existed({ now: now + 10 }), false);
    });

    claim("tells what was there, however many batches before had only older values to replace", async () => {
      const overwrite = async (texts: readonly string[], stamp: bigint) => {
        const outcomes = await bench.partition.write(texts.map((text) => write(text, { stamp })));
        return outcomes.map((outcome) => [versionIn(outcome).stamp, outcome.kind === "applied" && outcome.existed]);
      };
      const first = stampAt(now);
      const plain = Array.from({ length: 5 }, (_, number) => `plain${number}`);
      const others = {
        deleted: { content: tombstone },
        expired: { content: contentOf("x", { expires: now }) },
        expiring: { content: contentOf("x", { expires: now + 1 }) },
        newer: { stamp: first + 500n },
        equal: { stamp: first + 36n },
      };
      let stamp = first;
      await overwrite(plain, stamp);
      for (const [text, changes] of Object.entries(others)) await writeOne(text, { stamp: first, ...changes });
      for (const [text, existed] of [
        ["absent", false],
        ["deleted", false],
        ["expired", false],
        ["expiring", true],
        ["newer", true],
        ["equal", true],
      ] as const) {
        for (let batch = 0; batch < 5; batch++) await overwrite(plain, ++stamp);
        const [last, beside] = await overwrite([text, "plain0"], ++stamp);
        const above = text === "newer" ? first + 501n : text === "equal" ? first + 37n : stamp;
        assert.deepEqual(
          [last, beside],
          [
            [above, existed],
            [stamp, true],
          ],
          text,
        );
        const stored = await bench.partition.read([text, "plain0"].map(bench.key));
        assert.deepEqual(
          stored.map((record) => record?.version.stamp),
          [above, stamp],
        );
      }
      await overwrite(plain, first + 600n);
      assert.deepEqual(await overwrite(["plain1", "plain1"], first + 700n), [
        [first + 700n, true],
        [first + 701n, true],
      ]);
    });

    claim("takes writes of one key in the order given, among others", async () => {
      const batch = ["a", "b", "a", "c", "a", "b"].map((text, index) =>
        write(text, { content: index === 4 ? tombstone : contentOf(`${index}`) }),
      );
      const outcomes = await bench.partition.write([...batch, write("a", { content: contentOf("last") })]);
      const existed = outcomes.map((outcome) => outcome.kind === "applied" && outcome.existed);
      assert.deepEqual(existed, [false, false, true, false, true, true, false]);
      for (const [earlier, later] of [
        [0, 2],
        [2, 4],
        [4, 6],
        [1, 5],
      ] as const) {
        assert.ok(compareVersions(versionIn(outcomes[earlier]), versionIn(outcomes[later])) < 0);
      }
      const records = await bench.partition.read(["a", "b", "c"].map(key));
      assert.deepEqual(records.map(textOf), ["last", "5", "3"]);
      assert.deepEqual(
        records.map((record) => record?.version),
        [outcomes[6], outcomes[5], outcomes[3]].map(versionIn),
      );
    });

    claim("replaces the whole record", async () => {
      await writeOne("whole", { content: contentOf("x", { expires: now + 1000, metadata: '{"a":"b"}' }) });
      await writeOne("whole", { content: contentOf("y") });
      const record = await readOne("whole");
      assert.deepEqual([record?.expires, record?.metadata, textOf(record)], [0, "", "y"]);
    });

    claim("does nothing for no writes", async () => {
      assert.deepEqual(await bench.partition.write([]), []);
    });

    claim("gives each its outcome, whatever becomes of its neighbours", async () => {
      await writeOne("present");
      const outcomes = await bench.partition.write([
        write("before"),
        write("present", { condition: { ifNoneMatch: "*" } }),
        write("absent", { condition: { ifMatch: "*" } }),
        write("after"),
      ]);
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ["applied", "condition_failed", "condition_failed", "applied"],
      );
      assert.deepEqual((await keysOfSpace()).sort(), ["after", "before", "present"]);
    });

    claim("stores the neighbours of one that the database refuses", async () => {
      const tooLong = write("bad", { content: contentOf("x", { type: "t".repeat(100_000) }) });
      const outcomes = await bench.partition.write([write("one"), tooLong, write("two"), write("three")]);
      // An engine without limits may take it.
      const bad = outcomes[1]!;
      if (bad.kind === "failed") {
        assert.ok(bad.error instanceof PartitionError);
        assert.equal(bad.error.outcome, "not_applied");
        assert.equal(await readOne("bad"), undefined);
      }
      assert.deepEqual(
        [0, 2, 3].map((index) => outcomes[index]?.kind),
        ["applied", "applied", "applied"],
      );
      assert.equal((await bench.partition.read(["one", "two", "three"].map(key))).filter(Boolean).length, 3);
    });
  });
}
