import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { plantedBugs } from "./planted-bugs.ts";
import { runSeeds } from "./run-seeds.ts";

/** How many schedules each bug needed, from the table in docs/testing.md. */
const needed = new Map(
  readFileSync("docs/testing.md", "utf8")
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter((cells) => /^\d+$/.test(cells[3] ?? ""))
    .map((cells) => [cells[1], Number(cells[3])]),
);
/** The others take too long for every day; `node scripts/planted-bugs.ts` has them all. */
const quick = plantedBugs.filter(({ name }) => (needed.get(name) ?? Number.POSITIVE_INFINITY) <= 10);

describe("the simulation", () => {
  it("has a table of at least 25 planted bugs that it finds", () => {
    assert.ok(needed.size >= 25);
    for (const { name } of plantedBugs) assert.ok(needed.has(name), `docs/testing.md lacks: ${name}`);
  });

  it("has planted bugs for the source as it is", () => {
    for (const { name, edits } of plantedBugs) {
      for (const { file, search } of edits) {
        const count = readFileSync(file, "utf8").split(search).length - 1;
        assert.equal(count, 1, `${name}: in ${file} there is ${count} times ${search}`);
      }
    }
  });

  for (const { name, edits } of quick) {
    it(`finds that ${name}`, async () => {
      const { violations } = await runSeeds({ from: 1, to: 400, edits, isStoppedByViolation: true });
      assert.ok(violations.length > 0, "it was not found");
    });
  }
});
