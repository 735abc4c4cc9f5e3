import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Record } from "../../../src/record.ts";
import { compareVersions, formatVersion, stampAt, type Version } from "../../../src/version.ts";
import { type Bench, contentOf, mulberry32, now, recordOf, seed, versionIn, writeOf } from "./bench.ts";

export function concurrencyClaims(bench: Bench): void {
  const { claim, key, write, hintsOf } = bench;
  describe("many at once", () => {
    claim("give each key versions that only grow, and lose no acknowledged write", async () => {
      const partitions = [bench.partition, (await bench.opened.second?.()) ?? bench.partition];
      const hot = ["h0", "h1", "h2", "h3", "h4"].map(key);
      const last = new Map<string, Version>();
      const seen = new Set<string>();
      const random = mulberry32(seed);
      await Promise.all(
        Array.from({ length: 8 }, async (_, worker) => {
          for (let round = 0; round < 25; round++) {
            const batch = Array.from({ length: 3 }, () => hot[Math.floor(random() * hot.length)]!);
            // Clocks that differ: each writer is off by up to 4 s.
            const stamp = stampAt(now + (worker - 4) * 1000);
            const known = new Map(last);
            const outcomes = await partitions[worker % 2]!.write(
              batch.map((each) => writeOf(each, { stamp, writer: worker + 1, owed: ["far"] })),
            );
            for (const [index, each] of batch.entries()) {
              const version = versionIn(outcomes[index]);
              const before = known.get(each);
              assert.ok(before === undefined || version.stamp > before.stamp, "a later write got a lesser version");
              const id = `${each} ${formatVersion(version)}`;
              assert.ok(!seen.has(id), "two writes got one version");
              seen.add(id);
              const greatest = last.get(each);
              if (greatest === undefined || compareVersions(version, greatest) > 0) last.set(each, version);
            }
          }
        }),
      );
      const records = await bench.partition.read(hot);
      assert.deepEqual(
        records.map((record) => record?.version),
        hot.map((each) => last.get(each)),
      );
      const hints = new Map((await hintsOf("far")).map((hint) => [hint.key, hint.version]));
      assert.deepEqual(
        hot.map((each) => hints.get(each)),
        hot.map((each) => last.get(each)),
      );
    });

    claim("let exactly one create a key", async () => {
      const partitions = [bench.partition, (await bench.opened.second?.()) ?? bench.partition];
      for (let round = 0; round < 10; round++) {
        const outcomes = await Promise.all(
          Array.from({ length: 6 }, (_, worker) =>
            partitions[worker % 2]!.write([
              write(`new-${round}`, { condition: { ifNoneMatch: "*" }, writer: worker + 1 }),
            ]),
          ),
        );
        assert.equal(outcomes.flat().filter(({ kind }) => kind === "applied").length, 1);
      }
    });

    claim("mix writes, applies, deliveries and reads without an error", async () => {
      const other = (await bench.opened.second?.()) ?? bench.partition;
      const shared = Array.from({ length: 20 }, (_, index) => key(`mixed-${index}`));
      const version = (round: number): Version => ({ stamp: stampAt(now + round), writer: 1 });
      await Promise.all([
        ...Array.from({ length: 15 }, (_, round) =>
          bench.partition.write(shared.map((each) => writeOf(each, { owed: ["mixed"], stamp: stampAt(now + round) }))),
        ),
        ...Array.from({ length: 15 }, (_, round) =>
          other.apply(shared.toReversed().map((each) => recordOf(each, version(round), "x"))),
        ),
        ...Array.from({ length: 15 }, async () => other.settle(await other.hints("mixed", "", 10))),
        ...Array.from({ length: 15 }, () => other.read(shared)),
      ]);
      assert.equal((await bench.partition.read(shared)).filter(Boolean).length, 20);
    });

    claim("see what another handle committed", async () => {
      const other = await bench.opened.second?.();
      if (other === undefined) return;
      for (let round = 0; round < 20; round++) {
        const [outcome] = await bench.partition.write([write("shared", { content: contentOf(`${round}`) })]);
        const records: readonly (Record | undefined)[] = await other.read([key("shared")]);
        assert.deepEqual(records[0]?.version, versionIn(outcome));
        if (other.readNow === undefined) continue;
        assert.deepEqual((other.readNow(key("shared")) as Record).version, versionIn(outcome));
      }
    });
  });
}
