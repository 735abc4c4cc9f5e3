import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { PartitionError } from "../../src/partition.ts";
import type { MysqlConnection } from "../../src/partitions/sql/mysql-connection.ts";
import { MysqlLanes } from "../../src/partitions/sql/mysql-lanes.ts";

describe("lanes to a MySQL server", () => {
  it("call it unreachable where none of their calls ends while one waits", async () => {
    const lanes = lanesOf(2);
    const held = [hold(lanes), hold(lanes)];
    const waited = kindOf(lanes.lend(async () => undefined));
    assert.equal(await waited, "unreachable");
    for (const { release } of held) release();
    await Promise.all(held.map(({ done }) => done));
  });

  it("call it unreachable also where the calls end because they were given up", async () => {
    const lanes = lanesOf(1);
    const first = hold(lanes);
    const [second, third] = [hold(lanes), kindOf(lanes.lend(async () => undefined))];
    first.lose();
    await first.done;
    assert.equal(await third, "unreachable");
    second.release();
    await second.done;
  });

  it("call it overloaded where others have had their turn", async () => {
    const lanes = lanesOf(1, 500);
    const calls = Array.from({ length: 100 }, () => lanes.lend(() => setTimeout(10)));
    const last = kindOf(calls.pop()!);
    await Promise.allSettled(calls);
    assert.equal(await last, "overloaded");
  });

  it("leave no connection open that was being opened when they were closed", async () => {
    const { promise: opening, resolve: opened } = Promise.withResolvers<MysqlConnection>();
    const lanes = new MysqlLanes(
      "east",
      1,
      50,
      () => opening,
      () => true,
    );
    const call = lanes.lend(async (connection) => connection.isLost);
    await lanes.close("it is closed");
    const connection = { isLost: false, destroy: () => Object.assign(connection, { isLost: true }) };
    opened(connection as unknown as MysqlConnection);
    assert.equal(await call, true);
  });
});

function lanesOf(size: number, waitMs = 50): MysqlLanes {
  const connect = async () => ({ isLost: false }) as MysqlConnection;
  return new MysqlLanes("east", size, waitMs, connect, () => true);
}

/** A call that lasts until it is released, or its connection is lost. */
function hold(lanes: MysqlLanes): { done: Promise<void>; release(): void; lose(): void } {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const done = lanes.lend(async (connection) => {
    if (await promise) Object.assign(connection, { isLost: true });
  });
  return { done, release: () => resolve(false), lose: () => resolve(true) };
}

async function kindOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason) => reason,
  );
  assert.ok(error instanceof PartitionError);
  return error.kind;
}
