import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { kvasir, startServer, temporaryFolder } from "../cli/kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
after(() => folder.remove());

describe("kvasir token", () => {
  it("creates, lists and revokes, and a running server follows", async () => {
    const data = ["--data", "follow", "--partitions", "2"];
    const server = await startServer(cwd, data);
    const get = (args: readonly string[], env: { [name: string]: string } = {}) =>
      kvasir(["get", "app/a", "--url", server.url, ...args], { cwd, env });
    await kvasir(["put", "app/a", "value", "--url", server.url], { cwd });
    assert.equal((await get([])).code, 0);

    const create = ["token", "create", "--name", "ci", "--allow", "write, read", "--prefix", "app/", "--prefix", "b/"];
    const { code, stdout, stderr } = await kvasir([...create, ...data], { cwd });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^kvs_[A-Za-z0-9_-]{43}\n$/);
    const token = stdout.trim();
    while ((await get([])).code === 0) await sleep(100);
    const refused = await get([]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /401 unauthorized: this needs a token.*--token-file/);

    writeFileSync(join(cwd, "token"), `${token}\n`, { mode: 0o600 });
    assert.equal((await get([], { KVASIR_TOKEN: token })).stdout, "value");
    assert.equal((await get(["--token-file", "token"], { KVASIR_TOKEN: `kvs_${"x".repeat(43)}` })).stdout, "value");
    const status = await kvasir(["status", "--url", server.url], { cwd, env: { KVASIR_TOKEN: token } });
    assert.match(status.stderr, /403 forbidden: this token lacks the scope admin/);

    const list = await kvasir(["token", "list", "--json", ...data], { cwd });
    const { tokens, away } = JSON.parse(list.stdout);
    assert.deepEqual(away, []);
    assert.deepEqual(
      tokens.map(({ created, ...rest }: { created: string }) => ({
        ...rest,
        isTime: !Number.isNaN(Date.parse(created)),
      })),
      [{ name: "ci", allow: ["read", "write"], prefixes: ["app/", "b/"], from: "partitions", isTime: true }],
    );
    const again = await kvasir([...create, ...data], { cwd });
    assert.equal(again.code, 2);
    assert.match(again.stderr, /^kvasir: there is a token ci already; revoke it, or choose another name\n$/m);

    const revoked = await kvasir(["token", "revoke", "ci", "--json", ...data], { cwd });
    assert.deepEqual([revoked.code, JSON.parse(revoked.stdout)], [0, { revoked: "ci", away: [] }]);
    while ((await get(["--token-file", "token"])).code === 0) await sleep(100);
    assert.match((await get(["--token-file", "token"])).stderr, /401 unauthorized: the token is not valid/);
    assert.match(
      (await kvasir(["token", "list", ...data], { cwd })).stdout,
      /^ci\tread,write\t"app\/" "b\/"\t.*\trevoked /,
    );
    assert.equal((await kvasir(["token", "revoke", "ci", ...data], { cwd })).code, 0, "repeating does no harm");
    for (const text of [list.stdout, list.stderr, server.log()]) assert.ok(!text.includes(token));
    assert.equal(await server.stop(), 0);
  });

  it("gives the token in one document with --json", async () => {
    const args = ["token", "create", "--name", "a", "--allow", "admin", "--rate", "600/m", "--json", "--data", "json"];
    const { stdout } = await kvasir(args, { cwd });
    const { token, ...rest } = JSON.parse(stdout);
    assert.match(token, /^kvs_/);
    assert.deepEqual(rest, { name: "a", allow: ["admin"], prefixes: [], rate: "600/m", away: [] });
    assert.match(
      (await kvasir(["token", "list", "--data", "json"], { cwd })).stdout,
      /^a\tadmin\tall keys\t.*\tvalid\t600\/m$/m,
    );
  });

  it("refuses mistakes in one line, with exit code 2", async () => {
    const rows: readonly [args: readonly string[], line: RegExp][] = [
      [["create", "--name", "a"], /--allow/],
      [["create", "--name", "a", "--allow", "all"], /^kvasir: --allow: expected read, write, admin .* got "all"\n$/],
      [["create", "--name", "a b", "--allow", "read"], /expected a name/],
      [["create", "--name", "a", "--allow", "read", "--prefix", ""], /no key can begin with ""/],
      [["create", "--name", "a", "--allow", "read", "--rate", "fast"], /^kvasir: --rate: expected .* got "fast"\n$/],
      [["revoke", "none"], /there is no token none/],
    ];
    for (const [args, line] of rows) {
      const { code, stdout, stderr } = await kvasir(["token", ...args, "--data", "mistakes"], { cwd });
      assert.equal(code, 2, args.join(" "));
      assert.equal(stdout, "");
      assert.match(`${stderr.split("\n").at(-2)!}\n`, line);
    }
  });

  it("takes no token as an argument, and no text that is none", async () => {
    const text = `kvs_${"y".repeat(43)}`;
    assert.equal((await kvasir(["get", "a", "--token", text], { cwd })).code, 2);
    const { code, stderr } = await kvasir(["get", "a"], { cwd, env: { KVASIR_TOKEN: "hunter2" } });
    assert.equal(code, 2);
    assert.match(stderr, /^kvasir: KVASIR_TOKEN: expected a token/);
    assert.ok(!stderr.includes("hunter2"));
    assert.match(
      (await kvasir(["get", "a", "--token-file", "none"], { cwd })).stderr,
      /none cannot be read \(ENOENT\)/,
    );
  });
});

describe("kvasir serve on an address that other machines can reach", () => {
  it("does not start before there is a token, unless told to", async () => {
    for (const host of ["0.0.0.0", "::"]) {
      const { code, stdout, stderr } = await kvasir(["serve", "--host", host, "--port", "0", "--data", "open"], {
        cwd,
      });
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, /^kvasir: other machines can reach .*; run kvasir token create, or say --insecure$/m);
    }
    const insecure = await startServer(cwd, ["--host", "0.0.0.0", "--data", "open", "--insecure"]);
    assert.equal((await fetch(`${insecure.url}/kv/a`)).status, 404);
    assert.equal(await insecure.stop(), 0);
    await kvasir(["token", "create", "--name", "a", "--allow", "read", "--data", "open"], { cwd });
    const secure = await startServer(cwd, ["--host", "0.0.0.0", "--data", "open"]);
    assert.equal((await fetch(`${secure.url}/kv/a`)).status, 401);
    assert.equal(await secure.stop(), 0);
  });

  it("does not start with several workers either", async () => {
    const args = ["serve", "--host", "0.0.0.0", "--port", "0", "--data", "workers", "--workers", "2"];
    const { code, stderr } = await kvasir(args, { cwd });
    assert.equal(code, 2);
    assert.equal(stderr.match(/nobody needs a token/g)!.length, 1);
  });
});
