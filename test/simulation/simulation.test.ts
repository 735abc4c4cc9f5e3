import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runSeeds } from "./run-seeds.ts";

/** Split, so that none comes near the runner's limit for one test. */
const blocks = 10;
const seedsPerBlock = 300;

describe("the protocol in a simulated world", () => {
  const totals: { [name: string]: number } = {};

  for (let block = 0; block < blocks; block++) {
    const from = block * seedsPerBlock + 1;
    const to = from + seedsPerBlock - 1;
    it(`keeps its promises in the schedules ${from} to ${to}, each run twice alike`, async () => {
      const { violations, schedules, counts } = await runSeeds({ from, to, isRepeated: true });
      for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count;
      const found = violations.map(({ seed, violation }) => `SEED=${seed} (node scripts/soak.ts): ${violation}`);
      assert.deepEqual(found, []);
      assert.equal(schedules, seedsPerBlock);
    });
  }

  it("met everything that it is about", () => {
    for (const [name, count] of Object.entries(totals)) assert.ok(count > 10, `${name}: ${count}`);
  });
});
