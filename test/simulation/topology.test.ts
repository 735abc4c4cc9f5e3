import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ChangeRequest } from "../../src/topology/topology.ts";
import { runSchedule } from "./schedule.ts";

const kinds: readonly ChangeRequest["kind"][] = ["add", "drain", "replace", "weight", "replicas"];

/** Every so many of the calls that carry a change; `EXHAUSTIVE=1` tries each of them, in some minutes. */
const stride = process.env.EXHAUSTIVE ? 1 : 25;

/** Three partitions, two front ends, and nothing that goes wrong but what the test is about. */
function given(kind: ChangeRequest["kind"], killedAt: number) {
  const keys = ["k0", "k1", "k2", "k3", "k4", "k5"];
  const common = { partitions: 3, replicas: 2, frontEnds: 2, clients: 2, operations: 40, thinkMs: 100 } as const;
  return { ...common, keys, faults: [], changes: [kind], killedAt, standIn: true, skewMs: 900 };
}

describe("a change of the topology, with a front end killed at any of its steps", () => {
  for (const kind of kinds) {
    it(`ends, and loses and resurrects nothing: ${kind}`, async () => {
      const whole = await runSchedule(7, { given: given(kind, 0) });
      assert.deepEqual([whole.violation, whole.counts.changes], [undefined, 1]);
      const calls = whole.counts.topologyCalls!;
      assert.ok(calls > 10, `${calls} calls`);
      for (let killedAt = 1 + kinds.indexOf(kind); killedAt <= calls; killedAt += stride) {
        const { violation, counts } = await runSchedule(7, { given: given(kind, killedAt) });
        assert.deepEqual([violation, counts.changes], [undefined, 1], `killed at call ${killedAt} of ${calls}`);
      }
    });
  }
});
