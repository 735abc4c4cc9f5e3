import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { kvasir, onTerminal, type Server, spawnKvasir, startServer, temporaryFolder } from "./kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
let server: Server;

/** The configuration file with so many SQLite partitions, and with weights for some of them. */
function configure(partitions: number, weights: Readonly<Record<number, number>> = {}): void {
  const sections = Array.from({ length: partitions }, (_, index) => {
    const weight = weights[index + 1] === undefined ? "" : `weight = ${weights[index + 1]}\n`;
    return `[partition-${index + 1}]\nurl = "sqlite:./data/p${index + 1}.db"\n${weight}`;
  });
  writeFileSync(join(cwd, "kvasir.toml"), `partitions = ${partitions}\nreplicas = 2\n${sections.join("")}`);
}

const run = (...args: string[]) => kvasir(["partition", ...args], { cwd });
const keys = 800;

before(async () => {
  configure(3);
  server = await startServer(cwd);
  const operations = Array.from({ length: keys }, (_, number) => ({
    op: "put",
    key: `${number}`,
    value: `value ${number}`,
  }));
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${server.url}/batch`, { method: "POST", headers, body: JSON.stringify(operations) });
  assert.equal(response.status, 200);
});
after(async () => {
  await server.stop("SIGKILL");
  await folder.remove();
});

async function members(): Promise<string[]> {
  const { partitions } = JSON.parse((await run("list", "--json")).stdout) as { partitions: { name: string }[] };
  return partitions.map(({ name }) => name.slice("partition-".length));
}

describe("kvasir partition", () => {
  it("lists who holds how much", async () => {
    const { code, stdout } = await run("list");
    assert.equal(code, 0);
    assert.match(stdout, /^PARTITION +ROLE +WEIGHT +HOLDS +STATE/);
    assert.match(stdout, /^partition-2 +member +1 +67 % +steady/m);
    assert.match(stdout, /^epoch 1, replicas 2$/m);
  });

  it("says where the configuration has another weight than the store, and the mend", async () => {
    configure(3, { 2: 3 });
    const { code, stdout } = await run("list", "--json");
    assert.equal(code, 0);
    const { partitions } = JSON.parse(stdout) as { partitions: { weight: number; problem: string }[] };
    const problem =
      "its weight is 1 in the store, and 3 in the configuration: set weight = 1 there, or run kvasir partition weight partition-2 3";
    assert.deepEqual(
      partitions.map((each) => [each.weight, each.problem]),
      [
        [1, ""],
        [1, problem],
        [1, ""],
      ],
    );
    configure(3);
    assert.doesNotMatch((await run("list")).stdout, /its weight/);
  });

  it("names what it cannot do, and the mend", async () => {
    configure(4);
    for (const [args, expected] of [
      [["add", "partition-9"], /the configuration has no partition partition-9 .*add a section with its url/],
      [["add", "partition-1", "--yes"], /partition-1 is a member already/],
      [["drain", "partition-4", "--yes"], /there is no partition partition-4 in the topology/],
      [["weight", "partition-1", "0"], /a weight is a number above 0/],
      [["add", "partition-4", "--rate", "fast"], /--rate: expected keys a second/],
      [["replicas", "9"], /need as many partitions/],
      [["cancel"], /no change is under way/],
      [["add", "partition-4"], /Nobody can be asked here; --yes says so/],
    ] as const) {
      const { code, stderr } = await run(...args);
      assert.match(stderr, expected);
      assert.equal(code, 2, args.join(" "));
    }
    assert.deepEqual(await members(), ["1", "2", "3"]);
  });

  it("shows what would move, and changes nothing, with --dry-run", async () => {
    const { code, stdout } = await run("add", "partition-4", "--dry-run");
    assert.equal(code, 0);
    assert.match(stdout, /^partition-1 -> partition-4 +[0-9]+ keys +[0-9.]+ (B|KiB)$/m);
    assert.match(stdout, /^[0-9]+ keys, [0-9.]+ (B|KiB), in about 1 s at 5000 keys a second, which is assumed: /m);
    assert.match(stdout, /^the store's first change: front ends of a Kvasir that knows no topology are refused/m);
    const json = JSON.parse((await run("add", "partition-4", "--dry-run", "--json")).stdout);
    assert.equal(json.change, "add partition-4, filling");
    assert.equal(json.done, false);
    assert.ok(json.plan.keys > 0 && json.plan.keys < keys);
    assert.deepEqual(await members(), ["1", "2", "3"]);
  });

  it("asks on a terminal, and does nothing without a yes", async () => {
    const question = { cwd, until: /\[y\/N\]/, input: "n\r" };
    const { code, screen } = await onTerminal("kvasir partition add partition-4", question);
    assert.match(screen, /Go on\? \[y\/N\]/);
    assert.equal(code, 1);
    assert.deepEqual(await members(), ["1", "2", "3"]);
  });

  it("adds a partition while everything serves", async () => {
    const { code, stdout } = await run("add", "partition-4", "--yes");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^done$/m);
    assert.deepEqual(await members(), ["1", "2", "3", "4"]);
    for (let number = 0; number < keys; number += 17) {
      assert.equal(await (await fetch(`${server.url}/kv/${number}`)).text(), `value ${number}`);
    }
    const status = (await (await fetch(`${server.url}/status?format=json`)).json()) as {
      partitions: { url: string }[];
    };
    assert.equal(status.partitions.length, 4);
    // The front end has read the section that came after its start.
    assert.match(status.partitions[3]!.url, /p4\.db$/);
  });

  it("leaves a change going when it is interrupted, which is followed or ended later", async () => {
    const child = spawnKvasir(["partition", "weight", "partition-4", "5", "--yes", "--rate", "1"], { cwd });
    let output = "";
    child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
    const ended = once(child, "exit");
    const isUnderWay = async () => (await (await fetch(`${server.url}/status`)).text()).includes("weight, filling");
    while (!(await isUnderWay()) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill("SIGINT");
    assert.deepEqual(await ended, [1, null]);
    assert.match(output, /the change goes on: front ends and kvasir sync carry it through/);
    assert.match((await run("list")).stdout, /under way: weight, filling/);
    const busy = await run("drain", "partition-1", "--yes");
    assert.match(busy.stderr, /a change is under way already/);
    assert.equal((await run("cancel")).code, 0);
    assert.doesNotMatch((await run("list")).stdout, /under way/);
  });

  it("drains a partition, whose name is never taken again", async () => {
    const { code, stdout } = await run("drain", "partition-4", "--yes", "--json");
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout.trim()).done, true);
    assert.deepEqual(await members(), ["1", "2", "3"]);
    assert.match((await run("list")).stdout, /^left: partition-4$/m);
    assert.match((await run("add", "partition-4", "--yes")).stderr, /names are never taken again/);
    const followed = await run("follow");
    assert.equal(followed.code, 0);
    assert.match(followed.stdout, /no change is under way/);
    assert.equal((await kvasir(["check"], { cwd })).code, 0);
  });
});
