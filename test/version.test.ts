import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compareVersions, formatVersion, newWriterId, parseVersion, stampAt, versionTime } from "../src/version.ts";

const version = fc
  .tuple(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.integer({ min: 0, max: 2 ** 48 - 1 }))
  .map(([stamp, writer]) => ({ stamp, writer }));

describe("version", () => {
  it("comes back from its text, bit by bit", () => {
    fc.assert(fc.property(version, (v) => assert.deepEqual(parseVersion(formatVersion(v)), v)));
  });

  it("is written in base 36, the stamp with at least twelve digits", () => {
    const plain = ({ stamp, writer }: { stamp: bigint; writer: number }) =>
      `${stamp.toString(36).padStart(12, "0")}-${writer.toString(36)}`;
    fc.assert(fc.property(version, (v) => assert.equal(formatVersion(v), plain(v))));
    for (const stamp of [0n, 0xffffn, 36n ** 6n - 1n, 36n ** 6n, 36n ** 12n - 1n, 36n ** 12n, 2n ** 63n - 1n]) {
      for (const writer of [0, 1, 36 ** 6 - 1, 36 ** 6, 2 ** 48 - 1]) {
        assert.equal(formatVersion({ stamp, writer }), plain({ stamp, writer }));
      }
    }
  });

  it("reads no text but its own", () => {
    for (const text of [
      "",
      "-",
      "a-b",
      "1ftn4gq7zk00",
      "1ftn4gq7zk00-",
      "1FTN4GQ7ZK00-1",
      "1ftn4gq7zk00-01",
      "zzzzzzzzzzzzz-1",
    ]) {
      assert.equal(parseVersion(text), undefined, text);
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseVersion(text);
        assert.ok(parsed === undefined || formatVersion(parsed) === text);
      }),
    );
  });

  it("is totally ordered, by stamp and then by writer", () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        assert.equal(Math.sign(compareVersions(a, b)), -Math.sign(compareVersions(b, a)) + 0);
        assert.equal(compareVersions(a, b) === 0, formatVersion(a) === formatVersion(b));
      }),
    );
    assert.ok(compareVersions({ stamp: 2n ** 53n, writer: 1 }, { stamp: 2n ** 53n + 1n, writer: 0 }) < 0);
    assert.ok(compareVersions({ stamp: 5n, writer: 2 }, { stamp: 5n, writer: 1 }) > 0);
  });

  it("knows the millisecond that it was made in", () => {
    assert.equal(versionTime({ stamp: stampAt(1_795_393_031_589) + 65_535n, writer: 1 }), 1_795_393_031_589);
  });

  it("has writers that are never 0 and fit in 48 bits", () => {
    assert.equal(
      newWriterId(() => 0),
      1,
    );
    assert.ok(newWriterId(() => 1 - Number.EPSILON) < 2 ** 48);
  });
});
