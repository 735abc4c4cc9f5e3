import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Finished, kvasir, type Server, startServer, temporaryFolder } from "../cli/kvasir.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";

/** The rights of the document, of the user that serves first and of the one that creates the tables. */
const [servingRights, creatingRights] = [
  ...readFileSync("docs/partitions.md", "utf8").matchAll(/^GRANT (.*) ON /gm),
].map(([, rights]) => rights!);
const databases = ["test_one", "test_two", "test_three"];
const password = "not-a-secret";

const folder = temporaryFolder();
const cwd = folder.path;
let mariadb: MariadbServer;
let server: Server;
let token = "";

/** The configuration with the first `count` databases, for the user that serves. */
function configure(count: number): void {
  const sections = databases.slice(0, count).map((database, index) => {
    const url = `mysql://serving@127.0.0.1:${mariadb.port}/${database}`;
    return `[partition-${index + 1}]\nurl = "${url}"\npassword_file = "password"\n`;
  });
  writeFileSync(join(cwd, "kvasir.toml"), `partitions = ${count}\n${sections.join("")}`);
}

/** As the user that serves. */
const run = (...args: string[]) => kvasir(args, { cwd, env: { KVASIR_TOKEN: token } });

/** As the user that creates the tables, in the way that the document says. */
function initialise(count: number): Promise<Finished> {
  const urls = databases
    .slice(0, count)
    .map((database, index) => [
      `KVASIR_PARTITION_${index + 1}_URL`,
      `mysql://creating@127.0.0.1:${mariadb.port}/${database}`,
    ]);
  return kvasir(["init"], { cwd, env: Object.fromEntries(urls) });
}

async function succeeds(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  assert.equal(code, 0, `kvasir ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
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
    const { code, stderr } = await initialise(2);
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
    await succeeds("export", "-o", join(cwd, "export"), ...at);
    await succeeds("delete", "a", ...at);
    await succeeds("import", join(cwd, "export"), ...at);
    assert.equal(await succeeds("get", "a", ...at), "one");
    await succeeds("bench", server.url, "--seconds", "1", "--keys", "10", "--connections", "2");
  });

  it("needs the user that serves, and no other, for synchronising and comparing", async () => {
    await succeeds("sync");
    await succeeds("check", "--deep", "--repair");
  });

  it("adds, weighs and drains a partition as the user that serves, once it has its tables", async () => {
    await server.stop();
    configure(3);
    asksForInit(await run("partition", "add", "partition-3", "--yes"));
    const { code, stderr } = await initialise(3);
    assert.equal(code, 0, stderr);
    await succeeds("partition", "add", "partition-3", "--yes");
    await succeeds("partition", "weight", "partition-3", "2", "--yes");
    await succeeds("partition", "drain", "partition-3", "--yes");
    assert.match(await succeeds("partition", "list"), /partition-2/);
    await succeeds("token", "revoke", "all");
  });
});
