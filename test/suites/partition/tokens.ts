import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Token } from "../../../src/token.ts";
import type { Bench } from "./bench.ts";

const token = (letter: string, revoked = 0): Token => ({
  digest: letter.repeat(64),
  name: `of ${letter}`,
  scopes: ["read", "write"],
  prefixes: ["app/", "ä€😀/"],
  created: 1_700_000_000_000,
  revoked,
});

export function tokenClaims(bench: Bench): void {
  describe("access tokens", () => {
    const stored = async (letter: string) =>
      (await bench.partition.tokens()).filter(({ digest }) => digest === letter.repeat(64));

    it("are kept as they were given, each once", async () => {
      await bench.partition.keepTokens([token("a"), token("b", 7)]);
      await bench.partition.keepTokens([token("a")]);
      assert.deepEqual(await stored("a"), [token("a")]);
      assert.deepEqual(await stored("b"), [token("b", 7)]);
    });

    it("stay revoked, whatever arrives later", async () => {
      await bench.partition.keepTokens([token("c")]);
      await bench.partition.keepTokens([token("c", 5)]);
      await bench.partition.keepTokens([token("c")]);
      assert.deepEqual(await stored("c"), [token("c", 5)]);
    });

    it("leave progress and identity alone", async () => {
      const before = await bench.partition.progress();
      await bench.partition.keepTokens([token("d")]);
      assert.deepEqual(await bench.partition.progress(), before);
    });
  });
}
