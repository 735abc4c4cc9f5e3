import { after, before, describe, it } from "node:test";
import { type GaleraCluster, galeraIsMissing, startGalera } from "../support/galera.ts";
import { frontEndClaims } from "./front-ends.ts";
import { memberClaims } from "./members.ts";
import { galeraPartitionSuite } from "./suite.ts";

/** What the claims share: starting a cluster costs more than most of them. */
export interface Bench {
  cluster: GaleraCluster;
}

const missing = galeraIsMissing();

if (missing !== undefined) {
  it("Galera", { skip: missing }, () => {});
} else {
  describe("Galera", { timeout: 600_000 }, () => {
    const bench = {} as Bench;

    before(
      async () => {
        bench.cluster = await startGalera(3);
      },
      { timeout: 300_000 },
    );

    after(() => bench.cluster?.stop());

    galeraPartitionSuite(bench);
    memberClaims(bench);
    frontEndClaims(bench);
  });
}
