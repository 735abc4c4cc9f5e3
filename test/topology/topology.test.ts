import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  begun,
  type ChangeRequest,
  cancelled,
  describeChange,
  finished,
  namesOf,
  switched,
  type Topology,
} from "../../src/topology/topology.ts";

const member = (name: string, weight = 1) => ({ name, weight });
const first: Topology = {
  epoch: 1,
  members: [member("p1"), member("p2"), member("p3", 2)],
  replicas: 2,
  gone: ["p0"],
};

describe("a change of the topology", () => {
  const changes: [ChangeRequest, string, { members: [string, number][]; replicas: "all" | number; gone: string[] }][] =
    [
      [
        { kind: "add", name: "p4", weight: 3 },
        "add p4, filling",
        {
          members: [
            ["p1", 1],
            ["p2", 1],
            ["p3", 2],
            ["p4", 3],
          ],
          replicas: 2,
          gone: ["p0"],
        },
      ],
      [
        { kind: "drain", name: "p2" },
        "drain p2, filling",
        {
          members: [
            ["p1", 1],
            ["p3", 2],
          ],
          replicas: 2,
          gone: ["p0", "p2"],
        },
      ],
      [
        { kind: "replace", name: "p3", by: "p4" },
        "replace p3 by p4, filling",
        {
          members: [
            ["p1", 1],
            ["p2", 1],
            ["p4", 2],
          ],
          replicas: 2,
          gone: ["p0", "p3"],
        },
      ],
      [
        { kind: "weight", name: "p1", weight: 0.5 },
        "weight, filling",
        {
          members: [
            ["p1", 0.5],
            ["p2", 1],
            ["p3", 2],
          ],
          replicas: 2,
          gone: ["p0"],
        },
      ],
      [
        { kind: "replicas", replicas: 3 },
        "replicas, filling",
        {
          members: [
            ["p1", 1],
            ["p2", 1],
            ["p3", 2],
          ],
          replicas: 3,
          gone: ["p0"],
        },
      ],
    ];
  for (const [request, text, { members, replicas, gone }] of changes) {
    it(`goes from filling over switching to its end: ${request.kind}`, () => {
      const filling = begun(first, request, "id");
      assert.deepEqual([filling.epoch, filling.members, filling.replicas], [2, first.members, 2]);
      assert.equal(describeChange(filling), text);
      const switching = switched(filling, 77);
      assert.deepEqual(
        [switching.epoch, switching.change?.phase, switching.change?.requestsUntil],
        [3, "switching", 77],
      );
      assert.deepEqual(switching.members, first.members, "who decides is told by the phase");
      assert.deepEqual(finished(switching), {
        epoch: 4,
        members: members.map(([name, weight]) => member(name, weight)),
        replicas,
        gone,
      });
      assert.deepEqual(cancelled(filling), { ...first, epoch: 3 });
      assert.throws(() => cancelled(switching), { message: /has switched already/ });
      assert.throws(() => begun(filling, { kind: "drain", name: "p1" }, "other"), {
        message: new RegExp(`a change is under way already \\(${text}\\)`),
      });
    });
  }

  it("names the members and those that are to become members", () => {
    assert.deepEqual(namesOf(first), ["p1", "p2", "p3"]);
    const replacing = begun(first, { kind: "replace", name: "p1", by: "p9" }, "id");
    assert.deepEqual(namesOf(replacing), ["p1", "p2", "p3", "p9"]);
  });

  it("keeps who is lost, and how fast keys may be brought", () => {
    const { change } = begun(first, { kind: "replace", name: "p1", by: "p9", isLost: true, keysPerSecond: 50 }, "id");
    assert.deepEqual([change?.lost, change?.keysPerSecond], ["p1", 50]);
    assert.equal(begun(first, { kind: "drain", name: "p1" }, "id").change?.lost, undefined);
  });

  it("remembers whom a cancelled change gave up as lost, until another one is done", () => {
    const given = cancelled(begun(first, { kind: "drain", name: "p1", isLost: true }, "id"));
    assert.deepEqual(given, { ...first, epoch: 3, givenUp: ["p1"] });
    const again = cancelled(begun(given, { kind: "replace", name: "p2", by: "p9", isLost: true }, "id"));
    assert.deepEqual(again.givenUp, ["p1", "p2"]);
    const next = begun(again, { kind: "weight", name: "p3", weight: 2 }, "id");
    assert.deepEqual([next.givenUp, switched(next, 0).givenUp], [again.givenUp, again.givenUp]);
    assert.equal(finished(switched(next, 0)).givenUp, undefined);
  });

  const refused: [ChangeRequest, RegExp][] = [
    [{ kind: "add", name: "p1", weight: 1 }, /p1 is a member already/],
    [{ kind: "add", name: "p0", weight: 1 }, /names are never taken again; give it a new name/],
    [{ kind: "replace", name: "p1", by: "p0" }, /names are never taken again/],
    [{ kind: "replace", name: "p9", by: "p4" }, /no partition p9 in the topology; there are p1, p2, p3/],
    [{ kind: "drain", name: "p9" }, /no partition p9/],
    [{ kind: "weight", name: "p1", weight: 0 }, /a weight is a number above 0/],
    [{ kind: "replicas", replicas: 4 }, /replicas = 4 need as many partitions, and there would be 3/],
  ];
  for (const [request, message] of refused) {
    it(`is refused when it makes no sense: ${JSON.stringify(request)}`, () => {
      assert.throws(() => begun(first, request, "id"), { name: "ConfigError", message });
    });
  }

  it("never leaves fewer partitions than replicas, or none", () => {
    const two = { ...first, members: [member("p1"), member("p2")] };
    assert.throws(() => begun(two, { kind: "drain", name: "p1" }, "id"), { message: /lower replicas first/ });
    const one = { ...first, members: [member("p1")], replicas: "all" as const };
    assert.throws(() => begun(one, { kind: "drain", name: "p1" }, "id"), {
      message: /the last partition cannot leave/,
    });
  });
});
