import assert from "node:assert/strict";
import { describe } from "node:test";
import { compareKeys } from "../../../src/key.ts";
import { type HintScope, hintedBytesMax } from "../../../src/partition.ts";
import { tombstone } from "../../../src/record.ts";
import { stampAt } from "../../../src/version.ts";
import { type Bench, contentOf, now, versionIn } from "./bench.ts";

export function hintClaims(bench: Bench): void {
  const { claim, key, write, writeOne, readOne, hintsOf } = bench;
  describe("hints", () => {
    claim("are there with the write that owes them, one a target and key, with the greatest version", async () => {
      const [first, second] = await bench.partition.write([
        write("owed", { owed: ["west", "north"] }),
        write("owed", { owed: ["west"] }),
      ]);
      assert.deepEqual(
        (await hintsOf("west")).map(({ target, key, version, standIn }) => ({ target, key, version, standIn })),
        [{ target: "west", key: key("owed"), version: versionIn(second), standIn: false }],
      );
      assert.deepEqual((await hintsOf("north"))[0]?.version, versionIn(first));
      const third = await writeOne("owed", { owed: ["west"] });
      assert.deepEqual((await hintsOf("west"))[0]?.version, versionIn(third));
      assert.deepEqual(await hintsOf("south"), []);
    });

    claim("come with the record as it is now, unless that is large", async () => {
      await writeOne("sized", { owed: ["west"], content: contentOf("123") });
      await writeOne("sized", { content: contentOf("12345", { metadata: '{"a":"b"}', expires: now + 9 }) });
      const [hint] = await hintsOf("west");
      assert.equal(hint?.size, 5);
      assert.deepEqual(hint.record, await readOne("sized"));
      await writeOne("sized", { content: contentOf("x".repeat(hintedBytesMax)) });
      assert.deepEqual((await hintsOf("west"))[0]?.record, await readOne("sized"));
      await writeOne("sized", { content: contentOf("x".repeat(hintedBytesMax + 1)) });
      const [large] = await hintsOf("west");
      assert.deepEqual([large?.size, large?.record], [hintedBytesMax + 1, undefined]);
      await writeOne("sized", { content: tombstone });
      const [deleted] = await hintsOf("west");
      assert.deepEqual([deleted?.size, deleted?.record?.isTombstone], [0, true]);
      await bench.partition.remove([(await readOne("sized"))!]);
      const [gone] = await hintsOf("west");
      assert.deepEqual([gone?.size, gone?.record], [0, undefined]);
    });

    claim("are given up to a stamp, or those of stand-ins, when asked for", async () => {
      const [old, young] = [stampAt(now - 5000), stampAt(now)];
      await bench.partition.write([
        write("s1", { owed: ["scoped"], stamp: old }),
        write("s2", { owed: ["scoped"], stamp: young, standIn: true }),
        write("s3", { owed: ["scoped"], stamp: old, standIn: true }),
      ]);
      const keys = async (limit: number, only: HintScope) =>
        (await bench.partition.hints("scoped", key("s"), limit, only)).map((hint) => hint.key);
      assert.deepEqual(await keys(9, {}), ["s1", "s2", "s3"].map(key));
      assert.deepEqual(await keys(9, { upTo: young - 1n }), ["s1", "s3"].map(key));
      assert.deepEqual(await keys(9, { upTo: old }), ["s1", "s3"].map(key));
      assert.deepEqual(await keys(9, { fromStandIns: true }), ["s2", "s3"].map(key));
      assert.deepEqual(await keys(1, { upTo: old, fromStandIns: true }), ["s3"].map(key));
    });

    claim("remember that a stand-in wrote one of them", async () => {
      await writeOne("stood", { owed: ["west"] });
      await writeOne("stood", { owed: ["west"], standIn: true });
      assert.equal((await hintsOf("west"))[0]?.standIn, true);
      await writeOne("stood", { owed: ["west"], standIn: false });
      assert.equal((await hintsOf("west"))[0]?.standIn, true);
      await writeOne("other", { owed: ["west"], standIn: true });
      assert.equal((await hintsOf("west")).find((hint) => hint.key === key("other"))?.standIn, true);
    });

    claim("come in pages in the order of their keys' bytes", async () => {
      const texts = ["z", "a", "\u{10000}", "\uffff", "B", "é"];
      await bench.partition.write(texts.map((text) => write(text, { owed: ["pages"] })));
      const found: string[] = [];
      for (let after = ""; ; ) {
        const page = await bench.partition.hints("pages", after, 2);
        assert.ok(page.length <= 2);
        if (page.length === 0) break;
        found.push(...page.map((hint) => hint.key));
        after = page.at(-1)!.key;
      }
      assert.deepEqual(found, texts.map(key).sort(compareKeys));
    });

    claim("are settled, but for those with a newer version", async () => {
      const outcomes = await bench.partition.write(["s1", "s2", "s3"].map((text) => write(text, { owed: ["west"] })));
      const shipped = await hintsOf("west");
      const newer = await writeOne("s2", { owed: ["west"] });
      await bench.partition.settle(shipped);
      assert.deepEqual(
        (await hintsOf("west")).map((hint) => hint.version),
        [versionIn(newer)],
      );
      await bench.partition.settle(shipped);
      await bench.partition.settle([]);
      assert.equal((await hintsOf("west")).length, 1);
      await bench.partition.settle(await hintsOf("west"));
      assert.deepEqual(await hintsOf("west"), []);
      assert.equal(outcomes.length, 3);
    });

    claim("of an equal stamp are told apart by their writer", async () => {
      const stamp = stampAt(now);
      await writeOne("tie", { owed: ["west"], stamp, writer: 9 });
      const [hint] = await hintsOf("west");
      await bench.partition.settle([{ ...hint!, version: { stamp, writer: 8 } }]);
      assert.equal((await hintsOf("west")).length, 1);
      await bench.partition.settle([{ ...hint!, version: { stamp: stamp - 1n, writer: 10 } }]);
      assert.equal((await hintsOf("west")).length, 1);
      await bench.partition.settle([{ ...hint!, version: { stamp, writer: 10 } }]);
      assert.equal((await hintsOf("west")).length, 0);
    });

    claim("are settled many at once, and for several targets", async () => {
      const texts = Array.from({ length: 300 }, (_, index) => `m${index}`);
      await bench.partition.write(texts.map((text) => write(text, { owed: ["west", "north"] })));
      const hints = [...(await hintsOf("west")), ...(await hintsOf("north"))];
      assert.equal(hints.length, 600);
      await bench.partition.settle(hints.toReversed());
      assert.deepEqual([...(await hintsOf("west")), ...(await hintsOf("north"))], []);
    });

    claim("are counted by target", async () => {
      await bench.partition.write([
        write("c1", { owed: ["counted"], stamp: stampAt(now + 7) }),
        write("c2", { owed: ["counted"], stamp: stampAt(now + 5), standIn: true }),
      ]);
      const owed = async () => (await bench.partition.owed()).find(({ target }) => target === "counted");
      assert.deepEqual(await owed(), { target: "counted", count: 2, standIns: 1, oldest: now + 5 });
      await bench.partition.settle(await hintsOf("counted"));
      assert.equal(await owed(), undefined);
    });
  });
}
