import { after, before, describe } from "node:test";
import { applyingClaims } from "./partition/applying.ts";
import { Bench, type OpenedPartition } from "./partition/bench.ts";
import { byteClaims } from "./partition/bytes.ts";
import { concurrencyClaims } from "./partition/concurrency.ts";
import { conditionClaims } from "./partition/conditions.ts";
import { digestClaims } from "./partition/digests.ts";
import { fillingClaims } from "./partition/filling.ts";
import { floorClaims } from "./partition/floors.ts";
import { hintClaims } from "./partition/hints.ts";
import { openingClaims } from "./partition/opening.ts";
import { progressClaims } from "./partition/progress.ts";
import { purgingClaims } from "./partition/purging.ts";
import { readingClaims } from "./partition/reading.ts";
import { requestClaims } from "./partition/requests.ts";
import { scanningClaims } from "./partition/scanning.ts";
import { tokenClaims } from "./partition/tokens.ts";
import { topologyClaims } from "./partition/topology.ts";
import { versionClaims } from "./partition/versions.ts";
import { writingClaims } from "./partition/writing.ts";

export { suiteIdentity } from "./partition/bench.ts";

/**
 * The promises of `Partition` as tests. A new engine is done when it passes. Where the same engine has passed already,
 * and only what several servers do to each other is in question, `isWhole` false leaves out what one statement does.
 */
export function partitionSuite(name: string, open: () => Promise<OpenedPartition>, isWhole = true): void {
  describe(`partition: ${name}`, () => {
    const bench = new Bench();

    before(async () => {
      bench.opened = await open();
    });

    after(() => bench.opened.close());

    if (isWhole) {
      readingClaims(bench);
      byteClaims(bench);
      scanningClaims(bench);
      digestClaims(bench);
      versionClaims(bench);
    }
    openingClaims(bench);
    writingClaims(bench);
    conditionClaims(bench);
    requestClaims(bench);
    hintClaims(bench);
    applyingClaims(bench);
    concurrencyClaims(bench);
    progressClaims(bench);
    floorClaims(bench);
    purgingClaims(bench);
    tokenClaims(bench);
    topologyClaims(bench);
    fillingClaims(bench);
  });
}
