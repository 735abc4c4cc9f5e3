import assert from "node:assert/strict";
import { describe } from "node:test";
import type { StoredRequest, Write, WriteOutcome } from "../../../src/partition.ts";
import type { Topology } from "../../../src/topology/topology.ts";
import { stampAt } from "../../../src/version.ts";
import { type Bench, now, recordOf, versionIn, writeOf, writer } from "./bench.ts";

function topologyOf(epoch: number, name = "east"): Topology {
  return { epoch, members: [{ name, weight: 1 }], replicas: "all", gone: [] };
}

export function topologyClaims(bench: Bench): void {
  const { claim, key, fresh } = bench;
  describe("the topology", () => {
    claim("is unknown at first", async () => {
      const { partition } = await fresh();
      assert.deepEqual(await partition.topology(), { topology: undefined, promised: "", accepted: undefined });
      assert.equal((await partition.open()).topology, undefined);
    });

    claim("is kept, newer ones only, and told by open", async () => {
      const { partition, another } = await fresh();
      assert.deepEqual((await partition.adopt(topologyOf(3, "b"))).topology, topologyOf(3, "b"));
      assert.deepEqual((await partition.adopt(topologyOf(2, "c"))).topology, topologyOf(3, "b"));
      assert.deepEqual((await partition.adopt(topologyOf(3, "d"))).topology, topologyOf(3, "b"));
      const second = await another();
      assert.deepEqual((await second.topology()).topology, topologyOf(3, "b"));
      assert.deepEqual((await second.open()).topology, topologyOf(3, "b"));
    });

    claim("is promised to the greatest ballot alone", async () => {
      const { partition } = await fresh();
      assert.equal((await partition.promise("2")).promised, "2");
      assert.equal((await partition.promise("1")).promised, "2");
      assert.equal(await partition.accept("1", topologyOf(1)), false);
      assert.equal((await partition.topology()).accepted, undefined);
      assert.equal(await partition.accept("2", topologyOf(1, "x")), true);
      assert.equal((await partition.promise("3")).accepted?.topology.members[0]?.name, "x");
      assert.equal(await partition.accept("2", topologyOf(1, "y")), false);
      assert.deepEqual((await partition.topology()).accepted, { ballot: "2", topology: topologyOf(1, "x") });
      assert.equal(await partition.accept("4", topologyOf(1, "z")), true);
      const { topology, promised } = await partition.topology();
      assert.deepEqual([topology, promised], [undefined, "4"], "nobody goes by what was only accepted");
    });

    claim("accepts only what follows upon what is known, and forgets a proposal that is over", async () => {
      const { partition } = await fresh();
      await partition.adopt(topologyOf(5));
      assert.equal(await partition.accept("1", topologyOf(7)), false);
      assert.equal(await partition.accept("1", topologyOf(5)), false);
      assert.equal(await partition.accept("1", topologyOf(6)), true);
      const { accepted, promised } = await partition.adopt(topologyOf(6));
      assert.deepEqual([accepted, promised], [undefined, "1"]);
    });

    claim("fences writes of another epoch, older or newer, and no other member of the batch", async () => {
      const { partition } = await fresh();
      const write = (name: string, epoch: number, changes: Partial<Write> = {}) =>
        writeOf(key(name), { epoch, owed: ["west"], ...changes });
      await partition.write([write("before", 0)]);
      await partition.adopt(topologyOf(2));
      const request = { id: "r", digest: "d" };
      const outcomes = await partition.write([
        write("old", 1, { request }),
        write("right", 2),
        write("new", 3, { condition: { ifNoneMatch: "*" } }),
      ]);
      assert.deepEqual(
        [outcomes[0], outcomes[1]?.kind, outcomes[2]],
        [{ kind: "outdated", epoch: 2 }, "applied", { kind: "outdated", epoch: 2 }],
      );
      const keys = [key("old"), key("right"), key("new")];
      const found = await partition.read(keys);
      assert.deepEqual(
        found.map((record) => record !== undefined),
        [false, true, false],
      );
      const hints = await partition.hints("west", "", 10);
      assert.deepEqual(hints.map((hint) => hint.key).sort(), [key("before"), key("right")].sort());
      assert.equal(await partition.recall(key("old"), "r"), undefined);
    });

    claim("fences them however many batches before were of the right epoch", async () => {
      const { partition } = await fresh();
      const write = (batch: number) =>
        partition.write([writeOf(key("a"), { stamp: stampAt(now) + BigInt(batch), owed: ["west"] })]);
      let kept: WriteOutcome | undefined;
      for (let batch = 0; batch < 8; batch++) [kept] = await write(batch);
      await partition.adopt(topologyOf(1));
      assert.deepEqual(await write(8), [{ kind: "outdated", epoch: 1 }]);
      const [record] = await partition.read([key("a")]);
      const [hint] = await partition.hints("west", "", 10);
      assert.deepEqual([record?.version, hint?.version], [versionIn(kept), versionIn(kept)]);
    });

    claim("fences a repeated write as well, which may then be sent by the right epoch", async () => {
      const { partition } = await fresh();
      const [first] = await partition.write([writeOf(key("a"))]);
      await partition.adopt(topologyOf(1));
      const attempted = versionIn(first);
      const [fenced] = await partition.write([writeOf(key("a"), { attempted })]);
      assert.equal(fenced?.kind, "outdated");
      const [found] = await partition.write([writeOf(key("a"), { attempted, epoch: 1 })]);
      assert.deepEqual(found, { kind: "found", version: attempted });
    });

    claim("lets no write of the old epoch in once it is adopted, whatever is under way", async () => {
      const { partition, another } = await fresh();
      const second = await another();
      const writes = Array.from({ length: 200 }, (_, index) => writeOf(key(`w${index}`)));
      const under = writes.map((write, index) => (index % 2 ? partition : second).write([write]));
      const seen = (async () => {
        await partition.adopt(topologyOf(1));
        return partition.read(writes.map((write) => write.key));
      })();
      const outcomes = (await Promise.all(under)).flat();
      const atAdoption = await seen;
      for (const [index, outcome] of outcomes.entries()) {
        if (atAdoption[index] === undefined) assert.equal(outcome.kind, "outdated");
        else assert.equal(outcome.kind, "applied");
      }
    });

    claim("fences removals that name an epoch", async () => {
      const { partition } = await fresh();
      const record = recordOf(key("gone"), { stamp: 5n, writer }, "x");
      await partition.apply([record]);
      await partition.adopt(topologyOf(4));
      assert.equal(await partition.remove([record], 3), 0);
      assert.equal(await partition.remove([record], 5), 0);
      assert.notEqual((await partition.read([record.key]))[0], undefined);
      assert.equal(await partition.remove([record], 4), 1);
    });

    claim("survives many proposers at once: each ballot is promised or not, and one proposal stays", async () => {
      const { partition, another } = await fresh();
      const second = await another();
      const ballots = Array.from({ length: 12 }, (_, index) => String(10 + index));
      await Promise.all(
        ballots.map(async (ballot, index) => {
          const each = index % 2 ? partition : second;
          await each.promise(ballot);
          await each.accept(ballot, topologyOf(1, `n${ballot}`));
        }),
      );
      const { accepted, promised } = await partition.topology();
      assert.equal(promised, ballots.at(-1));
      assert.deepEqual(accepted, { ballot: promised, topology: topologyOf(1, `n${promised}`) });
    });
  });

  describe("request ids", () => {
    claim("are given in pages by their ages, and can be kept by another partition", async () => {
      const { partition } = await fresh();
      const { partition: other } = await fresh();
      const times = [30, 10, 20, 20, 10];
      const writes = times.map((at, index) =>
        writeOf(key(`r${index}`), { now: at, request: { id: `i${index}`, digest: `d${index}` } }),
      );
      const outcomes = await partition.write(writes);
      const found: StoredRequest[] = [];
      for (let after = { at: 0, key: "", id: "" }; ; ) {
        const page = await partition.requests(after, 2);
        found.push(...page);
        if (page.length < 2) break;
        after = page.at(-1)!;
      }
      assert.deepEqual(
        found.map(({ id }) => id),
        ["i1", "i4", "i2", "i3", "i0"],
      );
      const first = found.find(({ id }) => id === "i0");
      const version = versionIn(outcomes[0]);
      assert.deepEqual(first, { key: key("r0"), id: "i0", digest: "d0", version, existed: false, at: 30 });
      assert.deepEqual(
        (await partition.requests({ at: 20, key: "", id: "" }, 10)).map(({ id }) => id),
        ["i2", "i3", "i0"],
      );
      await other.keepRequests(found);
      await other.keepRequests(found.map((request) => ({ ...request, digest: "another" })));
      assert.deepEqual(await other.requests({ at: 0, key: "", id: "" }, 10), found);
      assert.deepEqual(await other.recall(key("r0"), "i0"), { digest: "d0", version, existed: false });
      assert.equal(await other.forgetRequests(20, 10), 2);
    });
  });
}
