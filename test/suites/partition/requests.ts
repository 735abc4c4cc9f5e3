import assert from "node:assert/strict";
import { describe } from "node:test";
import { stampAt, type Version } from "../../../src/version.ts";
import { type Bench, contentOf, now, textOf, versionIn, writer } from "./bench.ts";

export function requestClaims(bench: Bench): void {
  const { claim, key, write, writeOne, readOne, hintsOf } = bench;
  describe("request ids", () => {
    const request = { id: "0123-4567", digest: "digest" };

    claim("are applied once, and answered again as the first time", async () => {
      await writeOne("once", { content: contentOf("older") });
      const first = await writeOne("once", { request, content: contentOf("payload") });
      assert.equal(first.kind === "applied" && first.existed, true);
      const later = await writeOne("once", { content: contentOf("newer") });
      const again = await writeOne("once", { request, content: contentOf("payload"), now: now + 1000 });
      assert.deepEqual(again, { kind: "replayed", version: versionIn(first), existed: true });
      assert.deepEqual((await readOne("once"))?.version, versionIn(later));
    });

    claim("are replayed before the condition is looked at", async () => {
      const condition = { ifNoneMatch: "*" as const };
      const first = await writeOne("created", { request, condition });
      const again = await writeOne("created", { request, condition });
      assert.deepEqual(again, { kind: "replayed", version: versionIn(first), existed: false });
    });

    claim("with another payload are refused, and nothing is applied", async () => {
      const first = await writeOne("reused", { request });
      const reused = await writeOne("reused", { request: { ...request, digest: "other" }, owed: ["west"] });
      assert.deepEqual(reused, { kind: "request_reused" });
      assert.deepEqual((await readOne("reused"))?.version, versionIn(first));
      assert.deepEqual(await hintsOf("west"), []);
    });

    claim("belong to their key", async () => {
      const outcomes = await bench.partition.write([write("a", { request }), write("b", { request })]);
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ["applied", "applied"],
      );
    });

    claim("are recognised within one batch", async () => {
      const [first, again, reused] = await bench.partition.write([
        write("twice", { request }),
        write("twice", { request }),
        write("twice", { request: { ...request, digest: "other" } }),
      ]);
      assert.deepEqual(again, { kind: "replayed", version: versionIn(first), existed: false });
      assert.equal(reused?.kind, "request_reused");
    });

    claim("of a failed condition are not remembered", async () => {
      const failed = await writeOne("later", { request, condition: { ifMatch: "*" } });
      assert.equal(failed.kind, "condition_failed");
      assert.equal((await writeOne("later", { request })).kind, "applied");
    });

    claim("can be recalled", async () => {
      assert.equal(await bench.partition.recall(key("recalled"), request.id), undefined);
      const outcome = await writeOne("recalled", { request });
      const recalled = await bench.partition.recall(key("recalled"), request.id);
      const { digest, version, existed } = recalled!;
      assert.deepEqual({ digest, version, existed }, { digest: "digest", version: versionIn(outcome), existed: false });
      assert.equal(await bench.partition.recall(key("recalled"), "another"), undefined);
      assert.equal(await bench.partition.recall(key("another"), request.id), undefined);
    });

    claim("are forgotten when they are old, a bounded number at a time", async () => {
      // Long before every other test's, which are all of the time `now`.
      const old = now - 48 * 3600_000;
      const texts = ["o1", "o2", "o3"];
      await bench.partition.write(texts.map((text) => write(text, { request, now: old })));
      await writeOne("young", { request });
      assert.equal(await bench.partition.forgetRequests(old, 100), 0);
      assert.equal(await bench.partition.forgetRequests(old + 1, 2), 2);
      assert.equal(await bench.partition.forgetRequests(old + 1, 2), 1);
      assert.equal(await bench.partition.forgetRequests(old + 1, 2), 0);
      assert.equal(await bench.partition.recall(key("o1"), request.id), undefined);
      assert.notEqual(await bench.partition.recall(key("young"), request.id), undefined);
      assert.notEqual(await readOne("o1"), undefined);
      assert.equal((await writeOne("o1", { request })).kind, "applied");
    });
  });

  describe("repeated writes", () => {
    claim("are applied once with the version attempted, also in a new place", async () => {
      const attempted: Version = { stamp: stampAt(now + 3), writer };
      const first = await writeOne("repeated", { attempted, owed: ["west"] });
      assert.deepEqual(first, { kind: "applied", version: attempted, existed: false });
      const again = await writeOne("repeated", { attempted, owed: ["west"] });
      assert.deepEqual(again, { kind: "found", version: attempted });
      assert.deepEqual((await readOne("repeated"))?.version, attempted);
      assert.deepEqual(
        (await hintsOf("west")).map((hint) => hint.version),
        [attempted],
      );
    });

    claim("leave a greater version alone, and are then unknown", async () => {
      const newer = await writeOne("overtaken", { stamp: stampAt(now + 100), content: contentOf("newer") });
      const attempted: Version = { stamp: stampAt(now), writer };
      const outcome = await writeOne("overtaken", { attempted, content: contentOf("older") });
      assert.deepEqual(outcome, { kind: "unknown" });
      const record = await readOne("overtaken");
      assert.deepEqual([record?.version, textOf(record)], [versionIn(newer), "newer"]);
    });

    claim("with a condition are decided anew when the row is older, and unknown when it is newer", async () => {
      const attempted: Version = { stamp: stampAt(now + 50), writer };
      const condition = { ifMatch: "*" as const };
      const older = await writeOne("conditional", { stamp: stampAt(now) });
      assert.equal(older.kind, "applied");
      assert.equal(
        (await writeOne("conditional", { attempted, condition: { ifNoneMatch: "*" } })).kind,
        "condition_failed",
      );
      assert.equal((await writeOne("conditional", { attempted, condition })).kind, "applied");
      await writeOne("conditional", { stamp: stampAt(now + 99) });
      const before = await readOne("conditional");
      assert.deepEqual(await writeOne("conditional", { attempted, condition }), { kind: "unknown" });
      assert.deepEqual((await readOne("conditional"))?.version, before?.version);
    });

    claim("with a condition are recognised by their version", async () => {
      const condition = { ifNoneMatch: "*" as const };
      const first = await writeOne("mine", { condition });
      const again = await writeOne("mine", { condition, attempted: versionIn(first) });
      assert.deepEqual(again, { kind: "found", version: versionIn(first) });
    });
  });
}
