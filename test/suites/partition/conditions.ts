import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Write } from "../../../src/partition.ts";
import { tombstone } from "../../../src/record.ts";
import { formatVersion, stampAt, type Version } from "../../../src/version.ts";
import { type Bench, contentOf, now, versionIn } from "./bench.ts";

export function conditionClaims(bench: Bench): void {
  const { claim, key, write, writeOne, readOne, keysOfSpace, hintsOf } = bench;
  describe("conditions", () => {
    const other: Version = { stamp: stampAt(now - 77), writer: 5 };

    claim("hold or fail as they say, for a live record", async () => {
      let { version } = await applied("live");
      const attempt = async (condition: NonNullable<Write["condition"]>) => {
        const outcome = await writeOne("live", { condition });
        if (outcome.kind === "applied") version = outcome.version;
        else assert.deepEqual(outcome, { kind: "condition_failed", current: version });
        return outcome.kind === "applied";
      };
      const current = () => formatVersion(version);
      assert.equal(await attempt({ ifMatch: "*" }), true);
      assert.equal(await attempt({ ifMatch: [current()] }), true);
      assert.equal(await attempt({ ifMatch: [formatVersion(other), current()] }), true);
      assert.equal(await attempt({ ifMatch: [formatVersion(other)] }), false);
      assert.equal(await attempt({ ifMatch: [] }), false);
      assert.equal(await attempt({ ifMatch: ["nonsense"] }), false);
      assert.equal(await attempt({ ifNoneMatch: "*" }), false);
      assert.equal(await attempt({ ifNoneMatch: [current()] }), false);
      assert.equal(await attempt({ ifNoneMatch: [formatVersion(other)] }), true);
      assert.equal(await attempt({ ifMatch: "*", ifNoneMatch: [formatVersion(other)] }), true);
      assert.equal(await attempt({ ifMatch: "*", ifNoneMatch: "*" }), false);
      assert.deepEqual((await readOne("live"))?.version, version);
    });

    for (const [state, content] of [
      ["absent", undefined],
      ["deleted", tombstone],
      ["expired", contentOf("x", { expires: now })],
    ] as const) {
      claim(`see no record where it is ${state}`, async () => {
        const before = content === undefined ? undefined : versionIn(await writeOne("gone", { content }));
        const failed = { kind: "condition_failed", current: undefined };
        assert.deepEqual(await writeOne("gone", { condition: { ifMatch: "*" } }), failed);
        assert.deepEqual(await writeOne("gone", { condition: { ifMatch: [formatVersion(before ?? other)] } }), failed);
        assert.deepEqual((await readOne("gone"))?.version, before);
        const created = await writeOne("gone", { condition: { ifNoneMatch: "*" } });
        assert.equal(created.kind === "applied" && !created.existed, true);
      });
    }

    claim("leave no trace when they fail", async () => {
      const owedBefore = await bench.partition.owed();
      const request = { id: "trace", digest: "d" };
      const failing = { condition: { ifMatch: "*" as const }, owed: ["west"], request };
      const texts = Array.from({ length: 5 }, (_, index) => `trace-${index}`);
      const outcomes = await bench.partition.write(texts.map((text) => write(text, failing)));
      assert.ok(outcomes.every(({ kind }) => kind === "condition_failed"));
      assert.deepEqual(
        await bench.partition.read(texts.map(key)),
        texts.map(() => undefined),
      );
      assert.deepEqual(await keysOfSpace(), []);
      assert.deepEqual(await hintsOf("west"), []);
      assert.deepEqual(await bench.partition.owed(), owedBefore);
      assert.equal(await bench.partition.recall(key("trace-0"), "trace"), undefined);
    });

    claim("see the writes before them in the batch", async () => {
      const outcomes = await bench.partition.write([
        write("once", { condition: { ifNoneMatch: "*" } }),
        write("once", { condition: { ifNoneMatch: "*" } }),
        write("once", { condition: { ifMatch: "*" }, content: tombstone }),
        write("once", { condition: { ifMatch: "*" } }),
        write("once", { condition: { ifNoneMatch: "*" } }),
      ]);
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ["applied", "condition_failed", "applied", "condition_failed", "applied"],
      );
    });

    async function applied(text: string): Promise<{ version: Version }> {
      return { version: versionIn(await writeOne(text)) };
    }
  });
}
