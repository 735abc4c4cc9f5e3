import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { kvasir, startServer, temporaryFolder } from "../cli/kvasir.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";

/** The rights of the document: of the user that serves first, then of the one that creates the tables. */
const [servingRights, creatingRights] = [
  ...readFileSync("docs/partitions.md", "utf8").matchAll(/^GRANT (.*) ON /gm),
].map(([, rights]) => rights!);

const folder = temporaryFolder();
const cwd = folder.path;
let database: MariadbServer;

before(async () => {
  database = await startMariadb();
  await database.createDatabase("test_two");
  await database.administer(
    [
      "CREATE USER serving@'%' IDENTIFIED BY 'one'",
      `GRANT ${servingRights} ON test_two.* TO serving@'%'`,
      "CREATE USER creating@'%' IDENTIFIED BY 'two'",
      `GRANT ${creatingRights} ON test_two.* TO creating@'%'`,
    ].join(";"),
  );
  const url = (user: string) => `mysql://${user}@127.0.0.1:${database.port}/two`;
  const section = `[partition-1]\nurl = "${url("serving")}"\npassword_env = "PASSWORD"\n`;
  writeFileSync(join(cwd, "kvasir.toml"), section, { mode: 0o600 });
  creating = { KVASIR_PARTITION_1_URL: url("creating"), PASSWORD: "two" };
});
after(async () => {
  await database.stop();
  await folder.remove();
});

const serving = { PASSWORD: "one" };
let creating: { [name: string]: string };

describe("a database with one user that creates the tables and another that serves", () => {
  it("takes every command with the rights that are documented for it", async () => {
    const refused = await kvasir(["init"], { cwd, env: serving });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /denied/);
    const created = await kvasir(["init"], { cwd, env: creating });
    assert.equal(created.code, 0, created.stderr);
    assert.equal((await kvasir(["init"], { cwd, env: creating })).code, 0, "again");
    assert.equal((await kvasir(["init"], { cwd, env: serving })).code, 0, "where nothing is missing any user will do");

    const token = await kvasir(["token", "create", "--name", "all", "--allow", "read,write,admin"], {
      cwd,
      env: serving,
    });
    assert.equal(token.code, 0, token.stderr);
    const server = await startServer(cwd, [], serving);
    const client = { KVASIR_TOKEN: token.stdout.trim(), KVASIR_URL: server.url, ...serving };
    writeFileSync(join(cwd, "lines"), '{"key":"b","value":1}\n');
    for (const args of [
      ["put", "a", "value"],
      ["put", "gone", "value", "--ttl", "1s"],
      ["get", "a"],
      ["import", "lines"],
      ["export"],
      ["list"],
      ["status"],
      ["delete", "a"],
      ["sync"],
      ["check", "--deep", "--repair"],
      ["token", "list"],
      ["token", "revoke", "all"],
    ]) {
      const { code, stderr } = await kvasir(args, { cwd, env: client });
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    }
    assert.equal(await server.stop(), 0);
    assert.doesNotMatch(server.log(), /denied/);
  });
});
