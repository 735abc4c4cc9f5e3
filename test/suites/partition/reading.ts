import assert from "node:assert/strict";
import { describe } from "node:test";
import { smallBytesMax } from "../../../src/partition.ts";
import { type Record, tombstone } from "../../../src/record.ts";
import { assertRecord, type Bench, contentOf, now, textOf, versionIn } from "./bench.ts";

export function readingClaims(bench: Bench): void {
  const { claim, key, write, writeOne, readOne } = bench;
  describe("read", () => {
    claim("gives records in the order asked, and undefined where there is none", async () => {
      await bench.partition.write([write("b"), write("a")]);
      const records = await bench.partition.read([key("a"), key("absent"), key("b"), key("a")]);
      assert.deepEqual(
        records.map((record) => record?.key),
        [key("a"), undefined, key("b"), key("a")],
      );
      assert.deepEqual(await bench.partition.read([]), []);
    });

    claim("gives back everything that was written", async () => {
      const content = {
        isTombstone: false,
        value: Buffer.from("value"),
        type: "text/plain; charset=utf-8",
        metadata: '{"author":"Snorri"}',
        expires: now + 60_000,
      };
      const outcome = await writeOne("whole", { content });
      assert.equal(outcome.kind, "applied");
      assertRecord(await readOne("whole"), { ...content, key: key("whole"), version: versionIn(outcome) });
    });

    claim("gives tombstones and expired records as well", async () => {
      await writeOne("deleted", { content: tombstone });
      await writeOne("expired", { content: contentOf("x", { expires: now - 1 }) });
      const deleted = await readOne("deleted");
      assert.equal(deleted?.isTombstone, true);
      assert.equal(deleted.value.length, 0);
      assert.equal(deleted.type, "");
      assert.equal(deleted.expires, 0);
      const expired = await readOne("expired");
      assert.equal(expired?.expires, now - 1);
      assert.equal(textOf(expired), "x");
    });

    claim("finds more keys than one statement holds", async () => {
      const texts = Array.from({ length: 700 }, (_, index) => `many-${index}`);
      const outcomes = await bench.partition.write(texts.map((text) => write(text, { content: contentOf(text) })));
      assert.ok(outcomes.every(({ kind }) => kind === "applied"));
      const records = await bench.partition.read([...texts, "absent", ...texts].map(key));
      assert.deepEqual(records.map(textOf), [...texts, undefined, ...texts]);
    });

    claim("tells of large values instead of reading them, where it is asked for small ones", async () => {
      if (bench.partition.readSmall === undefined) return;
      const largest = contentOf("x".repeat(smallBytesMax));
      const larger = contentOf("x".repeat(smallBytesMax + 1));
      const [, outcome] = await bench.partition.write([
        write("small", { content: largest }),
        write("large", { content: larger }),
      ]);
      const expected = { isLarge: true, version: versionIn(outcome!) };
      await writeOne("deleted", { content: tombstone });
      const keys = ["large", "absent", "small", "deleted", "large"].map(key);
      const [large, absent, small, deleted, again] = await bench.partition.readSmall(keys);
      assert.deepEqual([large, absent, again], [expected, undefined, expected]);
      assert.deepEqual([small, deleted], await bench.partition.read([key("small"), key("deleted")]));
    });

    claim("reads on the spot what it can, as read does", async () => {
      if (bench.partition.readNow === undefined) return;
      await writeOne("here", { content: contentOf("now") });
      assert.equal(textOf(bench.partition.readNow(key("here"))), "now");
      assert.equal(bench.partition.readNow(key("absent")), undefined);
    });

    claim("reads no large value on the spot, because all other requests would wait for it", async () => {
      if (bench.partition.readNow === undefined) return;
      await writeOne("largest", { content: contentOf("x".repeat(smallBytesMax)) });
      const outcome = await writeOne("larger", { content: contentOf("x".repeat(smallBytesMax + 1)) });
      const large = { isLarge: true, version: versionIn(outcome) };
      for (const isArriving of [false, true]) {
        const largest = bench.partition.readNow(key("largest"), isArriving);
        assert.equal((largest as Record).value.length, smallBytesMax);
        assert.deepEqual(bench.partition.readNow(key("larger"), isArriving), large);
      }
      const read = await bench.partition.read(["larger", "absent", "larger"].map(key));
      assert.deepEqual(
        read.map((record) => record?.value.length),
        [smallBytesMax + 1, undefined, smallBytesMax + 1],
      );
    });
  });
}
