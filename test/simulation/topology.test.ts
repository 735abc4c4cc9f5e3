import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { patchSources } from "./patches.ts";

patchSources([]);
const { changeKinds, crashAtCalls } = await import("./topology-crashes.ts");

describe("a change of the topology, with a front end killed at any of its steps", () => {
  for (const kind of changeKinds) {
    it(`ends, and loses and resurrects nothing: ${kind}`, async (context) => {
      const { calls, failures } = await crashAtCalls(kind, 7);
      context.diagnostic(`a crash at each of ${calls} calls`);
      assert.deepEqual(failures, []);
      assert.ok(calls > 10, `${calls} calls`);
    });
  }
});
