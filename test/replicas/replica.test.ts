import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MemoryPartition } from "../../src/partitions/memory.ts";
import { Replica } from "../../src/replicas/replica.ts";
import { systemRuntime } from "../../src/runtime.ts";
import { silentLog } from "../support/memory-store.ts";

/** A partition that is set back while it waits for others, for so long. */
async function setBackWhileWaiting(waitMs: number): Promise<{ state: string; asked: number }> {
  const partition = new MemoryPartition("p1");
  await partition.initialise({ cluster: "c", partition: "p1" });
  let elapsed = 0;
  let isSetBack = false;
  let asked = 0;
  const replica = new Replica(partition, "", {
    runtime: { ...systemRuntime, elapsed: () => elapsed },
    log: silentLog,
    accept: () => undefined,
    isReceiving: async () => {
      asked++;
      return isSetBack;
    },
    catchUp: async () => {
      elapsed += waitMs;
      isSetBack = true;
    },
    onSteady: () => undefined,
  });
  await replica.connect();
  const { state } = replica;
  await replica.close();
  return { state, asked };
}

describe("a partition that returns", () => {
  it("is judged anew when it had to wait for others, in case it was set back meanwhile", async () => {
    assert.deepEqual(await setBackWhileWaiting(1000), { state: "recovering", asked: 2 });
  });

  it("is judged once when it had not", async () => {
    assert.deepEqual(await setBackWhileWaiting(10), { state: "steady", asked: 1 });
  });

  it("stays in use when two looked at it, and the later one has to wait", async () => {
    const partition = new MemoryPartition("p1");
    await partition.initialise({ cluster: "c", partition: "p1" });
    const slow = Promise.withResolvers<boolean>();
    const answers = [Promise.resolve(true), slow.promise, Promise.resolve(false)];
    let waits = 0;
    const replica = new Replica(partition, "", {
      runtime: systemRuntime,
      log: silentLog,
      accept: () => undefined,
      isReceiving: () => answers.shift()!,
      catchUp: () => (++waits === 1 ? Promise.resolve() : new Promise(() => undefined)),
      onSteady: () => undefined,
    });
    await replica.connect();
    assert.equal(replica.state, "recovering");
    const late = replica.admit();
    await replica.admit();
    assert.equal(replica.state, "steady");
    slow.resolve(false);
    await late;
    assert.deepEqual([replica.state, waits], ["steady", 1]);
    await replica.close();
  });
});
