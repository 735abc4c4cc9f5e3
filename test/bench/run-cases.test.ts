import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Case } from "../../bench/cases.ts";
import { Environment } from "../../bench/environment.ts";
import { runCases } from "../../bench/run-cases.ts";
import type { Contender, Load, LoadSpec } from "../../bench/subject.ts";

const done: Load = { requestsPerSecond: 1, p50Ms: 1, p99Ms: 1, failures: 0, cpuMicroseconds: 1 };

function contender(name: string, events: string[], failing: "start" | "load" | "nothing" = "nothing"): Contender {
  return {
    name,
    isDurable: true,
    start: async () => {
      if (failing === "start") throw new Error(`${name} is not installed\nand so on`);
      events.push(`start ${name}`);
      return {
        fill: async ({ keys }) => void events.push(`fill ${name} ${keys}`),
        load: async (_spec, seconds) => {
          if (failing === "load" && seconds > 3) throw new Error(`${name} went away`);
          events.push(`load ${name} ${seconds}`);
          return done;
        },
        settle: async () => undefined,
        stop: async () => void events.push(`stop ${name}`),
      };
    },
  };
}

function caseOf(name: string, contenders: readonly Contender[], isWhole = true): Case {
  const spec: LoadSpec = { operation: "get", keys: 5, bytes: 128, connections: 1, writes: 0 };
  return { name, spec, contenders, isWhole, isSoak: false };
}

async function run(cases: readonly Case[], events: string[]) {
  const environment = new Environment();
  const say = (line: string) => void events.push(line);
  try {
    return await runCases(cases, environment, { rounds: 2, seconds: 4, say });
  } finally {
    await environment.close();
  }
}

describe("the cases", () => {
  it("load their contenders in turn, each started before its first case and stopped after its last", async () => {
    const events: string[] = [];
    const [a, b] = [contender("a", events), contender("b", events)];
    const { measurements, notMeasured } = await run([caseOf("one", [a, b]), caseOf("two", [b], false)], events);
    assert.deepEqual(events, [
      "one (1 of 2)",
      ...["start a", "fill a 5", "load a 6", "start b", "fill b 5", "load b 6"],
      ...["load a 4", "load b 4", "load a 4", "load b 4", "stop a"],
      "two (2 of 2)",
      ...["fill b 5", "load b 1", "load b 2", "load b 2", "stop b"],
    ]);
    assert.deepEqual(
      measurements.map(({ case: name, contender: who, rounds }) => [name, who, rounds.length]),
      [
        ["one", "a", 2],
        ["one", "b", 2],
        ["two", "b", 2],
      ],
    );
    assert.deepEqual(notMeasured, []);
  });

  it("go on without one that cannot be started, or fails, and say why", async () => {
    const events: string[] = [];
    const missing = contender("missing", events, "start");
    const weak = contender("weak", events, "load");
    const strong = contender("strong", events);
    const { measurements, notMeasured } = await run([caseOf("one", [missing, weak, strong])], events);
    assert.deepEqual(notMeasured, [
      { name: "missing", reason: "missing is not installed" },
      { name: "weak", reason: "weak went away" },
    ]);
    assert.deepEqual(
      measurements.map(({ contender: who }) => who),
      ["strong"],
    );
    assert.ok(events.includes("stop weak"), "what was started is stopped");
  });

  it("use a contender's own number of keys", async () => {
    const events: string[] = [];
    await run([caseOf("one", [{ ...contender("many", events), keys: 1000 }])], events);
    assert.ok(events.includes("fill many 1000"));
  });
});
