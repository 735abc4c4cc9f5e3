import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Partition, PartitionError } from "../../src/partition.ts";
import { MemoryPartition } from "../../src/partitions/memory.ts";
import type { Runtime } from "../../src/runtime.ts";
import { Register, type Voter } from "../../src/topology/register.ts";
import { begun, type Topology } from "../../src/topology/topology.ts";
import { SeededRandom } from "../support/seeded-random.ts";

/** Whoever waits goes on at once: what matters is the order of the calls, which chance decides. */
function runtimeOf(random: SeededRandom): Runtime {
  return {
    now: () => 0,
    elapsed: () => 0,
    random: () => random.next(),
    after: (_, run) => {
      setImmediate(run);
      return () => undefined;
    },
    soon: setImmediate,
  };
}

class Killed extends Error {}

interface Faults {
  /** Calls that a proposer may still make before it is killed. */
  callsLeft: number;
  /** Part of the calls that fail, half of them after they did what they should. */
  loss: number;
}

function voterOf(memory: MemoryPartition, random: SeededRandom, faults: Faults): Voter {
  const partition = new Proxy(memory as Partition, {
    get: (target, property: keyof Partition) => async (parameter: never, other: never) => {
      if (faults.callsLeft-- <= 0) throw new Killed();
      for (let turns = random.integer(0, 4); turns > 0; turns--) await new Promise(setImmediate);
      const isLost = random.chance(faults.loss);
      const isDone = !isLost || random.chance(0.5);
      const work = target[property] as (a: never, b: never) => Promise<unknown>;
      const result = isDone ? await work.call(target, parameter, other) : undefined;
      if (isLost) throw new PartitionError("unreachable", memory.name, "lost");
      return result;
    },
  });
  return { name: memory.name, isReachable: true, isReceiving: false, problem: "", use: (work) => work(partition) };
}

function topologyOf(names: readonly string[], epoch = 1): Topology {
  return { epoch, members: names.map((name) => ({ name, weight: 1 })), replicas: "all", gone: [] };
}

async function partitionsOf(names: readonly string[], topology?: Topology) {
  const memories = names.map((name) => new MemoryPartition(name));
  for (const memory of memories) {
    await memory.initialise({ cluster: "c", partition: memory.name });
    if (topology !== undefined) await memory.adopt(topology);
  }
  return memories;
}

const add = (name: string) => ({ kind: "add", name, weight: 1 }) as const;

describe("the register of topologies", () => {
  it("decides, and tells everybody", async () => {
    const random = new SeededRandom(1);
    const first = topologyOf(["p1", "p2", "p3"]);
    const memories = await partitionsOf(["p1", "p2", "p3", "p4"], first);
    const voters = memories.map((memory) => voterOf(memory, random, { callsLeft: 1e6, loss: 0 }));
    const voter = (name: string) => voters.find((each) => each.name === name);
    const register = new Register({ voter, runtime: runtimeOf(random) });
    const next = begun(first, add("p4"), "id");
    assert.deepEqual(await register.decide(first, next), next);
    for (const memory of memories) assert.deepEqual((await memory.topology()).topology, next);
  });

  it("needs a majority of those that are members now, and says who is missing", async () => {
    const random = new SeededRandom(1);
    const first = topologyOf(["p1", "p2", "p3"]);
    const memories = await partitionsOf(["p1", "p2", "p3", "p4"], first);
    const away = new Set(["p2", "p3"]);
    const voters = memories.map((memory) => ({
      ...voterOf(memory, random, { callsLeft: 1e6, loss: 0 }),
      isReachable: !away.has(memory.name),
      problem: away.has(memory.name) ? "connection refused" : "",
    }));
    const voter = (name: string) => voters.find((each) => each.name === name);
    const register = new Register({ voter, runtime: runtimeOf(random) });
    const next = begun(first, add("p4"), "id");
    await assert.rejects(register.decide(first, next), {
      message: /only with 2 of 3 partitions \(p2: connection refused; p3: connection refused\)/,
    });
    for (const memory of memories) assert.deepEqual((await memory.topology()).topology, first);
    voters[1]!.isReachable = true;
    assert.deepEqual(await register.decide(first, next), next);
  });

  it("does not count one that is new or was set back: it may have forgotten what it promised", async () => {
    const random = new SeededRandom(1);
    const first = topologyOf(["p1", "p2"]);
    const memories = await partitionsOf(["p1", "p2"], first);
    const voters = memories.map((memory) => ({
      ...voterOf(memory, random, { callsLeft: 1e6, loss: 0 }),
      isReceiving: memory.name === "p2",
      problem: "being filled",
    }));
    const voter = (name: string) => voters.find((each) => each.name === name);
    const register = new Register({ voter, runtime: runtimeOf(random) });
    await assert.rejects(register.decide(first, begun(first, add("p3"), "id")), { code: "no_replica" });
  });

  it("needs all others when one is lost", async () => {
    const random = new SeededRandom(1);
    const first = topologyOf(["p1", "p2"]);
    const memories = await partitionsOf(["p1", "p2"], first);
    const voters = memories.map((memory) => voterOf(memory, random, { callsLeft: 1e6, loss: 0 }));
    const voter = (name: string) => (name === "p2" ? undefined : voters.find((each) => each.name === name));
    const register = new Register({ voter, runtime: runtimeOf(random) });
    await assert.rejects(register.decide(first, begun(first, { kind: "drain", name: "p2" }, "id")), {
      message: /p2: not in this configuration/,
    });
    const next = begun(first, { kind: "drain", name: "p2", isLost: true }, "id");
    assert.deepEqual(await register.decide(first, next), next);
  });

  it("finishes what a proposer that was killed may have had decided, wherever it was killed", async () => {
    for (let calls = 0; calls <= 9; calls++) {
      const random = new SeededRandom(calls);
      const first = topologyOf(["p1", "p2", "p3"]);
      const memories = await partitionsOf(["p1", "p2", "p3"], first);
      const registerOf = (faults: Faults) => {
        const voters = memories.map((memory) => voterOf(memory, random, faults));
        return new Register({ voter: (name) => voters.find((each) => each.name === name), runtime: runtimeOf(random) });
      };
      const killed = begun(first, add("p4"), "killed");
      await registerOf({ callsLeft: calls, loss: 0 })
        .decide(first, killed)
        .catch((error: unknown) => assert.ok(error instanceof Killed));
      const seen = await Promise.all(memories.map((memory) => memory.topology()));
      const wasDecided = seen.filter(({ accepted, topology }) => accepted || topology?.epoch === 2).length >= 2;
      const register = registerOf({ callsLeft: 1e6, loss: 0 });
      const decided = await register.decide(first, begun(first, add("p5"), "later"));
      await register.spread(decided);
      if (wasDecided) assert.deepEqual(decided, killed, `after ${calls} calls`);
      for (const memory of memories) assert.deepEqual((await memory.topology()).topology, decided);
    }
  });

  it("never lets two topologies have one epoch, with proposers that are killed and answers that are lost", async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed);
      const names = ["p1", "p2", "p3", "p4"].slice(0, random.integer(2, 4));
      const memories = await partitionsOf(names, topologyOf(names));
      const used = new Map<number, string>();
      const use = (topology: Topology | undefined) => {
        if (topology === undefined) return;
        const text = JSON.stringify(topology);
        assert.equal(used.get(topology.epoch) ?? text, text, `seed ${seed}: epoch ${topology.epoch}`);
        used.set(topology.epoch, text);
      };
      const proposer = async (number: number) => {
        const faults = {
          callsLeft: random.chance(0.5) ? random.integer(1, 30) : 1e6,
          loss: random.pick([0, 0.1, 0.3]),
        };
        const voters = memories.map((memory) => voterOf(memory, random, faults));
        const voter = (name: string) => voters.find((each) => each.name === name);
        const register = new Register({ voter, runtime: runtimeOf(random) });
        let current = topologyOf(names);
        for (let step = 0; step < 3; step++) {
          const weight = 1 + number * 10 + step;
          const members = names.map((name) => ({ name, weight }));
          current = await register.decide(current, { ...current, epoch: current.epoch + 1, members });
          use(current);
        }
      };
      const runs = await Promise.allSettled([1, 2, 3].map(proposer));
      for (const run of runs) {
        const isExpected = run.status === "fulfilled" || run.reason instanceof Killed || "code" in run.reason;
        assert.ok(isExpected, `seed ${seed}: ${run.status === "rejected" && run.reason.stack}`);
      }
      for (const memory of memories) use((await memory.topology()).topology);
    }
  });
});
