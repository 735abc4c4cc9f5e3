import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cases } from "../../bench/cases.ts";
import { readFlags, sections } from "../../bench/flags.ts";

describe("the flags of the bench", () => {
  it("measure everything but the soak in three rounds of four seconds, unless told otherwise", () => {
    const flags = readFlags([]);
    assert.deepEqual([flags.task, flags.rounds, flags.seconds, flags.isWhole], ["measure", 3, 4, true]);
    assert.deepEqual(
      flags.cases,
      cases.filter(({ isSoak }) => !isSoak),
    );
    assert.deepEqual(flags.sections, sections);
    assert.deepEqual(readFlags(["--soak"]).cases, cases);
  });

  it("keep a quick or a partial run from becoming the project's results", () => {
    const quick = readFlags(["--quick", "--rounds", "9"]);
    assert.deepEqual([quick.rounds, quick.seconds, quick.isWhole], [1, 1, false]);
    const partial = readFlags(["--only", "^ycsb$|^get$"]);
    assert.equal(partial.isWhole, false);
    assert.deepEqual(
      partial.cases.map(({ name }) => name),
      ["GET"],
    );
    assert.deepEqual(partial.sections, ["YCSB"]);
  });

  it("are refused when they are wrong", () => {
    assert.throws(() => readFlags(["--rounds", "0"]), /--rounds: expected a whole number from 1 to 9999, got "0"/);
    assert.throws(() => readFlags(["--seconds", "1.5"]), /--seconds: expected a whole number/);
    assert.throws(() => readFlags(["--only", "nothing like it"]), /no case or section has that in its name/);
    assert.throws(() => readFlags(["--only", "("]), /--only: Invalid regular expression/);
    assert.throws(() => readFlags(["--round", "2"]), /Unknown option '--round'/);
  });
});
