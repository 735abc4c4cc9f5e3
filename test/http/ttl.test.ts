import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseTtl } from "../../src/http/ttl.ts";

describe("parseTtl", () => {
  it("is undefined when neither is given", () => assert.equal(parseTtl(undefined, undefined), undefined));

  const headers: [text: string, ms: number][] = [
    ["60", 60_000],
    ["0.5", 500],
    ["1.001", 1001],
    ["0.0001", 1],
    ["3153600000", 3_153_600_000_000],
  ];
  for (const [text, ms] of headers) {
    it(`reads X-TTL: ${text} as ${ms} ms`, () => assert.equal(parseTtl(text, undefined), ms));
  }

  const queries: [text: string, ms: number][] = [
    ["500ms", 500],
    ["60s", 60_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["7d", 604_800_000],
    ["90", 90_000],
    ["1.5h", 5_400_000],
    ["36500d", 3_153_600_000_000],
  ];
  for (const [text, ms] of queries) {
    it(`reads ?ttl=${text} as ${ms} ms`, () => assert.equal(parseTtl(undefined, text), ms));
  }

  for (const text of [
    "",
    "0",
    "0.0",
    "-1",
    "+1",
    "1e3",
    "NaN",
    "Infinity",
    ".5",
    "5.",
    "1,5",
    " 1",
    "60s",
    "3153600001",
    "9".repeat(30),
  ]) {
    it(`refuses X-TTL: ${text} by name`, () => {
      assert.throws(() => parseTtl(text, undefined), { code: "invalid_header", message: /^X-TTL / });
    });
  }

  for (const text of ["", "0ms", "0", "-1s", "1w", "1 s", "1S", "s", "36501d", "9".repeat(30)]) {
    it(`refuses ?ttl=${text} by name`, () => {
      assert.throws(() => parseTtl(undefined, text), { code: "invalid_query", message: /^ttl / });
    });
  }

  it("takes both when they agree and refuses them when they differ", () => {
    assert.equal(parseTtl("60", "1m"), 60_000);
    assert.throws(() => parseTtl("60", "2m"), { code: "invalid_query" });
  });

  it("gives back every whole number of milliseconds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_153_600_000_000 }), (ms) => {
        assert.equal(parseTtl(undefined, `${ms}ms`), ms);
        assert.equal(parseTtl((ms / 1000).toFixed(3), undefined), ms);
      }),
    );
  });
});
