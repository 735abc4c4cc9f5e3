import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { type Finished, kvasir, type Server, spawnKvasir, startServer, temporaryFolder } from "../cli/kvasir.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";

/** The rights of the document, of the user that serves first and of the one that creates the tables. */
const [servingRights, creatingRights] = [
  ...readFileSync("docs/partitions.md", "utf8").matchAll(/^GRANT (.*) ON /gm),
].map(([, rights]) => rights!);
const databases = ["test_one", "test_two", "test_three", "test_four", "test_five"];
const password = "not-a-secret";

const folder = temporaryFolder();
const cwd = folder.path;
let mariadb: MariadbServer;
let server: Server;
let token = "";

/** The configuration with the first `count` databases, for the user that serves. */
function configure(count: number, replicas: number | "all" = "all"): void {
  const sections = databases.slice(0, count).map((database, index) => {
    return `[partition-${index + 1}]\nurl = "${urlOf("serving", database)}"\npassword_file = "password"\n`;
  });
  writeFileSync(
    join(cwd, "kvasir.toml"),
    `partitions = ${count}\nreplicas = ${JSON.stringify(replicas)}\n${sections.join("")}`,
  );
}

function urlOf(user: "serving" | "creating", database: string): string {
  return `mysql://${user}@127.0.0.1:${mariadb.port}/${database}`;
}

/** As the user that serves. */
const run = (...args: string[]) => kvasir(args, { cwd, env: { KVASIR_TOKEN: token } });

/** As the user that creates the tables, in the way that the document says. */
function runAsCreating(count: number, ...args: string[]): Promise<Finished> {
  const urls = databases
    .slice(0, count)
    .map((database, index) => [`KVASIR_PARTITION_${index + 1}_URL`, urlOf("creating", database)]);
  return kvasir(args, { cwd, env: Object.fromEntries(urls) });
}

async function succeeds(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  assert.equal(code, 0, `kvasir ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** Begins a change as the user that serves; gives the command that goes on with it. */
async function begin(...args: string[]): Promise<{ child: ChildProcess; ended: Promise<number | null> }> {
  const child = spawnKvasir(args, { cwd });
  const ended = once(child, "exit").then(([code]) => code as number | null);
  while (!/^under way: /m.test((await run("partition", "list")).stdout) && child.exitCode === null);
  return { child, ended };
}

/** It says that the user may not, and what to do. */
function asksForInit({ code, stderr }: Finished): void {
  assert.equal(code, 2, stderr);
  assert.match(stderr, /kvasir init/);
}

before(async () => {
  mariadb = await startMariadb();
  for (const database of databases) {
    await mariadb.createDatabase(database);
    await mariadb.administer(
      [
        `CREATE USER IF NOT EXISTS serving@'%' IDENTIFIED BY '${password}'`,
        `CREATE USER IF NOT EXISTS creating@'%' IDENTIFIED BY '${password}'`,
        `GRANT ${servingRights} ON \`${database}\`.* TO serving@'%'`,
        `GRANT ${creatingRights} ON \`${database}\`.* TO creating@'%'`,
      ].join(";"),
    );
  }
  writeFileSync(join(cwd, "password"), password, { mode: 0o600 });
  configure(2);
});
after(async () => {
  await folder.remove();
  await mariadb.stop();
});

describe("a store with one user that creates the tables and one that serves", () => {
  it("asks for `kvasir init` while there are no tables, and another user makes them", async () => {
    for (const args of [["serve", "--port", "0"], ["sync"], ["check"], ["token", "list"], ["partition", "list"]]) {
      asksForInit(await run(...args));
    }
    asksForInit(await run("init"));
    const { code, stderr } = await runAsCreating(2, "init");
    assert.equal(code, 0, stderr);
    await succeeds("init");
    assert.match(await succeeds("init", "--print"), /CREATE TABLE/);
  });

  it("needs the user that serves, and no other, for tokens, serving and whatever asks the server", async () => {
    token = JSON.parse(
      await succeeds("token", "create", "--name", "all", "--allow", "read,write,admin", "--json"),
    ).token;
    assert.match(await succeeds("token", "list"), /all/);
    server = await startServer(cwd);
    const at = ["--url", server.url];
    await succeeds("put", "a", "one", ...at);
    assert.equal(await succeeds("get", "a", ...at), "one");
    assert.match(await succeeds("list", ...at), /^a$/m);
    await succeeds("status", ...at);
    const operations = Array.from({ length: 40 }, (_, number) => ({ op: "put", key: `b/${number}`, value: "two" }));
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const { status } = await fetch(`${server.url}/batch`, {
      method: "POST",
      headers,
      body: JSON.stringify(operations),
    });
    assert.equal(status, 200);
    await succeeds("export", "-o", join(cwd, "export"), ...at);
    await succeeds("delete", "a", ...at);
    await succeeds("import", join(cwd, "export"), ...at);
    assert.equal(await succeeds("get", "a", ...at), "one");
    await succeeds("bench", server.url, "--seconds", "1", "--keys", "10", "--connections", "2");
  });

  it("needs the user that serves, and no other, for synchronising and comparing", async () => {
    await succeeds("sync");
    await succeeds("check", "--deep", "--repair");
    const repeating = spawnKvasir(["sync", "--every", "1s"], { cwd });
    const ended = once(repeating, "exit");
    let turns = 0;
    for await (const line of createInterface(repeating.stdout!)) {
      assert.match(line, /delivered, 0 still owed/);
      if (++turns === 2) repeating.kill("SIGTERM");
    }
    assert.deepEqual(await ended, [0, null]);
  });

  it("says what the user that creates the tables lacks, where it is to deliver", async () => {
    // It would deliver first.
    await server.stop();
    await mariadb.administer("INSERT INTO test_one.outbox VALUES ('partition-2', 'a', 1, 1, 0)");
    const { code, stdout } = await runAsCreating(2, "sync");
    assert.match(
      stdout,
      /1 still owed.* DELETE command denied to user 'creating'.*; GRANT the user creating its rights/,
    );
    assert.equal(code, 1);
    assert.match(await succeeds("sync"), /0 still owed/);
  });

  it("adds, weighs and drains a partition as the user that serves, once it has its tables", async () => {
    configure(3);
    asksForInit(await run("partition", "add", "partition-3", "--yes"));
    const { code, stderr } = await runAsCreating(3, "init");
    assert.equal(code, 0, stderr);
    await succeeds("partition", "add", "partition-3", "--yes");
    await succeeds("partition", "weight", "partition-3", "2", "--yes");
    await succeeds("partition", "drain", "partition-3", "--yes");
    assert.match(await succeeds("partition", "list"), /partition-2/);
  });

  it("changes the number of replicas as the user that serves", async () => {
    for (const replicas of [1, 2]) {
      await succeeds("partition", "replicas", `${replicas}`, "--yes");
      configure(3, replicas);
      assert.match(await succeeds("partition", "list"), new RegExp(`replicas ${replicas}$`, "m"));
    }
  });

  it("replaces a partition and follows that as the user that serves, once there are its tables", async () => {
    configure(5, 2);
    const replace = ["partition", "replace", "partition-2", "--by", "partition-4", "--yes", "--rate", "10"];
    asksForInit(await run(...replace));
    const { code, stderr } = await runAsCreating(5, "init");
    assert.equal(code, 0, stderr);
    const replacing = await begin(...replace);
    assert.match(await succeeds("partition", "follow"), /^done$/m);
    assert.equal(await replacing.ended, 0);
    assert.match(await succeeds("partition", "list"), /^partition-4 +member/m);
  });

  it("cancels a change as the user that serves", async () => {
    const { child, ended } = await begin("partition", "add", "partition-5", "--yes", "--rate", "1");
    child.kill("SIGINT");
    assert.equal(await ended, 1);
    await succeeds("partition", "cancel");
    assert.doesNotMatch(await succeeds("partition", "list"), /under way/);
    await succeeds("token", "revoke", "all");
  });
});
