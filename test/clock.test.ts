import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HybridClock } from "../src/clock.ts";
import {
  type ClockToken,
  formatClockToken,
  isFreshEnough,
  knownVersion,
  mergeClockTexts,
  parseClockToken,
  withWrite,
} from "../src/clock-token.ts";
import { systemRuntime } from "../src/runtime.ts";
import { stampAt, versionTime } from "../src/version.ts";

function clockAt(times: { now: number }): HybridClock {
  return new HybridClock({ ...systemRuntime, now: () => times.now });
}

describe("hybrid clock", () => {
  it("never gives a stamp twice and never goes back, however the wall clock steps", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 40 })), (walls) => {
        const times = { now: 0 };
        const clock = clockAt(times);
        let last = -1n;
        for (const wall of walls) {
          times.now = wall;
          const stamp = clock.tick();
          assert.ok(stamp > last);
          assert.ok(stamp >= stampAt(wall));
          last = stamp;
        }
      }),
    );
  });

  it("exceeds every version that it has seen", () => {
    const times = { now: 1_000_000 };
    const clock = clockAt(times);
    const seen = stampAt(1_030_000);
    clock.observe(seen);
    assert.equal(clock.tick(), seen + 1n);
  });

  it("does not follow a version from more than a minute ahead", () => {
    const times = { now: 1_000_000 };
    const clock = clockAt(times);
    clock.observe(stampAt(1_061_000));
    assert.equal(clock.ignored, 1);
    assert.equal(versionTime({ stamp: clock.tick(), writer: 1 }), 1_000_000);
  });
});

describe("clock token", () => {
  const version = (stamp: bigint) => ({ stamp, writer: 7 });
  const none: ClockToken = { stamp: 0n, writes: [] };

  it("comes back from its text", () => {
    let token = withWrite(undefined, 5n, version(100n));
    for (let hash = 0n; hash < 40n; hash++) token = withWrite(token, hash * 2n ** 57n, version(1000n - hash));
    assert.deepEqual(parseClockToken(formatClockToken(token)), token);
    assert.equal(token.writes.length, 16);
    assert.equal(token.stamp, 1000n);
  });

  it("remembers the last version of each key", () => {
    const token = withWrite(withWrite(undefined, 5n, version(1n)), 5n, version(2n));
    assert.deepEqual(knownVersion(token, 5n), version(2n));
    assert.equal(knownVersion(token, 6n), undefined);
    assert.equal(token.writes.length, 1);
  });

  it("joins what two answers said, in whichever order they come", () => {
    const anyToken = fc
      .array(fc.tuple(fc.bigInt(0n, 30n), fc.bigInt(1n, 60n)), { maxLength: 12 })
      .map((writes) =>
        writes.reduce<ClockToken>((token, [hash, stamp]) => withWrite(token, hash, version(stamp * 31n + hash)), none),
      );
    fc.assert(
      fc.property(anyToken, anyToken, (a, b) => {
        const [textA, textB] = [formatClockToken(a), formatClockToken(b)];
        const text = mergeClockTexts(textA, textB);
        assert.equal(mergeClockTexts(textB, textA), text);
        assert.equal(mergeClockTexts(text, textA), text);
        const joined = parseClockToken(text)!;
        assert.equal(joined.stamp, a.stamp > b.stamp ? a.stamp : b.stamp);
        assert.equal(
          joined.writes.length,
          Math.min(16, new Set([...a.writes, ...b.writes].map(({ hash }) => hash)).size),
        );
        for (const { hash } of joined.writes) {
          for (const token of [a, b]) assert.ok(isFreshEnough(knownVersion(token, hash), knownVersion(joined, hash)));
        }
      }),
    );
  });

  it("takes an equal or newer version as fresh, and an older or none as stale", () => {
    assert.ok(isFreshEnough(undefined, undefined));
    assert.ok(isFreshEnough(version(2n), version(2n)));
    assert.ok(isFreshEnough(version(2n), version(3n)));
    assert.ok(!isFreshEnough(version(2n), version(1n)));
    assert.ok(!isFreshEnough(version(2n), undefined));
  });

  it("reads no text but its own", () => {
    for (const text of ["", ";", "zzzzzzzzzzzzzz", "1;", "1;2", "1;2.3", "-1", "1;1.1ftn4gq7zk00-9a.x"]) {
      assert.equal(parseClockToken(text), undefined, text);
    }
  });
});
