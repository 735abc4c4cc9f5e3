import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigError } from "../../src/errors.ts";
import { decodeToken, isTokenText, tokenDigest } from "../../src/token.ts";
import type { Tokens } from "../../src/tokens.ts";
import { eventually, type MemoryStore, memoryStore } from "../support/memory-store.ts";

const all = { scopes: ["read", "write", "admin"], prefixes: [] } as const;

function isValid(tokens: Tokens, text: string): boolean {
  return tokens.find(tokenDigest(text)) !== undefined;
}

async function withStore(partitions: number, work: (memory: MemoryStore) => Promise<void>): Promise<void> {
  const memory = await memoryStore({ partitions });
  try {
    await work(memory);
  } finally {
    await memory.store.close();
  }
}

describe("the tokens of a store", () => {
  it("are stored as digests on every partition, and nowhere as they are", async () => {
    await withStore(3, async ({ store, partitions }) => {
      const { text, missed } = await store.tokens.create({ ...all, name: "ci" });
      assert.ok(isTokenText(text));
      assert.deepEqual(missed, []);
      for (const { memory } of partitions) {
        const [stored] = await memory.tokens();
        assert.equal(stored!.digest, tokenDigest(text).toString("hex"));
        assert.ok(!JSON.stringify(stored).includes(text.slice(4)));
      }
    });
  });

  it("are never the same twice", async () => {
    await withStore(1, async ({ store }) => {
      const texts = new Set<string>();
      for (let number = 0; number < 100; number++) {
        texts.add((await store.tokens.create({ ...all, name: `n${number}` })).text);
      }
      assert.equal(texts.size, 100);
    });
  });

  it("are the union of what the partitions know, and each partition gets what it lacks", async () => {
    await withStore(2, async ({ store, partitions, second }) => {
      const [p1, p2] = partitions;
      await p1!.memory.keepTokens([{ ...all, digest: "a".repeat(64), name: "a", created: 1, revoked: 0 }]);
      await p2!.memory.keepTokens([
        { ...all, digest: "a".repeat(64), name: "a", created: 1, revoked: 9 },
        { ...all, digest: "b".repeat(64), name: "b", created: 2, revoked: 0 },
      ]);
      const other = await second();
      await other.tokens.refresh();
      assert.deepEqual(
        other.tokens.all.map(({ name, revoked }) => [name, revoked]),
        [
          ["a", 9],
          ["b", 0],
        ],
      );
      assert.deepEqual(await p1!.memory.tokens(), await p2!.memory.tokens());
      await other.close();
      await store.tokens.refresh();
    });
  });

  it("revoked while a partition is away stay revoked when it is back and still has them", async () => {
    await withStore(2, async ({ store, partitions, second }) => {
      const [p1, p2] = partitions;
      const { text } = await store.tokens.create({ ...all, name: "ci" });
      const other = await second();
      await other.tokens.start();
      assert.ok(isValid(other.tokens, text));
      p1!.faults.isDown = true;
      const missed = await store.tokens.revoke("ci");
      assert.deepEqual(
        missed.map(({ name }) => name),
        ["p1"],
      );
      await eventually(() => !isValid(other.tokens, text));
      assert.equal((await p1!.memory.tokens())[0]!.revoked, 0);
      p1!.faults.isDown = false;
      await eventually(async () => (await p1!.memory.tokens())[0]!.revoked !== 0);
      assert.deepEqual(await p1!.memory.tokens(), await p2!.memory.tokens());
      assert.ok(!isValid(other.tokens, text));
      await other.close();
    });
  });

  it("reach a front end that cannot see the partition which was written to first", async () => {
    await withStore(3, async ({ store, partitions, second }) => {
      const other = await second();
      partitions[0]!.faults.isDown = true;
      const { text, missed } = await store.tokens.create({ ...all, name: "late" });
      assert.equal(missed.length, 1);
      await other.tokens.refresh();
      assert.ok(isValid(other.tokens, text));
      await other.close();
    });
  });

  it("do not become none again when the last one is revoked", async () => {
    await withStore(1, async ({ store }) => {
      await store.tokens.start();
      assert.equal(store.tokens.state, "none");
      await store.tokens.create({ ...all, name: "last" });
      await store.tokens.revoke("last");
      assert.equal(store.tokens.state, "some");
      assert.equal((await store.tokens.create({ ...all, name: "last" })).missed.length, 0, "the name is free again");
    });
  });

  it("are not known while no partition can be asked", async () => {
    await withStore(2, async ({ store, partitions }) => {
      for (const { faults } of partitions) faults.isDown = true;
      await store.tokens.start();
      assert.equal(store.tokens.state, "unknown");
      await assert.rejects(store.tokens.create({ ...all, name: "x" }), /no partition could be reached/);
      for (const { faults } of partitions) faults.isDown = false;
      await eventually(() => store.tokens.state === "none");
    });
  });

  it("need a name that is free, prefixes that keys can have, and room", async () => {
    await withStore(1, async ({ store }) => {
      await store.tokens.create({ ...all, name: "ci" });
      for (const [name, prefixes, message] of [
        ["ci", [], /there is a token ci already/],
        ["a b", [], /expected a name/],
        ["", [], /expected a name/],
        ["p", [""], /no key can begin with ""/],
        ["p", ["a\0"], /no key can begin with/],
        ["p", ["x".repeat(500), "y".repeat(500)], /too long/],
      ] as const) {
        await assert.rejects(store.tokens.create({ name, prefixes, scopes: ["read"] }), (error) => {
          assert.ok(error instanceof ConfigError);
          assert.match(error.message, message);
          return true;
        });
      }
      await assert.rejects(store.tokens.revoke("none"), /there is no token none/);
    });
  });

  it("let nobody in when their row was tampered with", () => {
    for (const text of [
      "",
      "{}",
      "null",
      "[]",
      '{"name":1}',
      '{"scopes":"read","prefixes":[],"name":"a","revoked":0}',
    ]) {
      assert.notEqual(decodeToken("d", text).revoked, 0, text);
    }
  });
});
