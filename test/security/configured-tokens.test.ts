import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readTokens } from "../../src/config/tokens.ts";
import { ConfigError } from "../../src/errors.ts";
import { Auth } from "../../src/http/auth.ts";
import { systemRuntime } from "../../src/runtime.ts";
import { tokenDigest } from "../../src/token.ts";
import { Tokens } from "../../src/tokens.ts";
import { kvasir, type Server, startServer, temporaryFolder } from "../cli/kvasir.ts";
import { serve } from "../http/serving.ts";

const folder = temporaryFolder();
const cwd = folder.path;
after(() => folder.remove());

const file = join(cwd, "kvasir.toml");
const write = (...sections: readonly string[]) => writeFileSync(file, sections.join("\n"), { mode: 0o600 });
const server = '[server]\nhost = "0.0.0.0"\n';

async function statusOf({ url }: Server, key: string, token?: string): Promise<number> {
  const headers: { [name: string]: string } = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/kv/${key}`, { headers });
  await response.bytes();
  return response.status;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(100);
}

describe("tokens of the configuration file", () => {
  it("open a server to other machines, beside those of the partitions, and follow the file", async () => {
    const print = ["token", "create", "--name", "ci", "--allow", "read", "--prefix", "app/", "--print"];
    const { code, stdout, stderr } = await kvasir(print, { cwd });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^kvs_[A-Za-z0-9_-]{43}\n$/);
    const token = stdout.trim();
    const section = stderr.slice(stderr.indexOf("[token-ci]"));
    assert.ok(section.includes(tokenDigest(token).toString("hex")) && !stderr.includes(token));
    write(server, section);

    const running = await startServer(cwd, []);
    assert.match(running.greeting, /Try: curl -H "Authorization: Bearer \$KVASIR_TOKEN" -X PUT/);
    assert.equal(await statusOf(running, "app/a"), 401);
    assert.equal(await statusOf(running, "app/a", token), 404);
    assert.equal(await statusOf(running, "other", token), 403);

    const create = ["token", "create", "--name", "beside", "--allow", "read,admin"];
    const beside = (await kvasir(create, { cwd })).stdout.trim();
    await until(async () => (await statusOf(running, "other", beside)) === 404);
    const list = await kvasir(["token", "list", "--json"], { cwd });
    const { tokens } = JSON.parse(list.stdout) as { tokens: { name: string; from: string }[] };
    assert.deepEqual(
      tokens.map(({ name, from }) => [name, from]),
      [
        ["ci", "configuration"],
        ["beside", "partitions"],
      ],
    );
    const revoke = await kvasir(["token", "revoke", "ci"], { cwd });
    assert.deepEqual([revoke.code, revoke.stdout], [2, ""]);
    assert.match(revoke.stderr, /in the configuration file; remove its section \[token-ci\]/);

    write(server, section, "[token-broken");
    await until(() => running.log().includes("of before stay in use"));
    assert.equal(await statusOf(running, "app/a", token), 404);
    write(server);
    await until(async () => (await statusOf(running, "app/a", token)) === 401);
    assert.equal(await statusOf(running, "other", beside), 404);
    assert.equal((await kvasir(["token", "revoke", "beside"], { cwd })).code, 0);
    await until(async () => (await statusOf(running, "other", beside)) === 401);
    write(server, section);
    await until(async () => (await statusOf(running, "app/a", token)) === 404);
    assert.ok(!running.log().includes(token));
    assert.equal(running.log().match(/of before stay in use/g)!.length, 1);
    assert.equal(await running.stop(), 0);
  });

  it("are refused where a section has a mistake, in one line, without what may be a secret", () => {
    const digest = "a".repeat(64);
    const text = `kvs_${"y".repeat(43)}`;
    const read = (name: string, section: unknown) =>
      readTokens({ path: "", folder: "", shown: "k.toml", values: { [`token-${name}`]: section } });
    assert.deepEqual(read("a.b", { digest, allow: ["read"] }), [
      { digest, name: "a.b", scopes: ["read"], prefixes: [], created: 0, revoked: 0 },
    ]);
    for (const [section, message] of [
      [{ allow: ["read"] }, /token-a\.digest: expected what kvasir token create --print shows/],
      [{ digest: text, allow: ["read"] }, /the token itself, which has to be kept elsewhere/],
      [{ digest: digest.toUpperCase(), allow: ["read"] }, /digest: expected/],
      [{ digest: [digest], allow: ["read"] }, /digest: expected/],
      [{ digest }, /allow: expected a list of read, write, admin/],
      [{ digest, allow: [] }, /allow: expected/],
      [{ digest, allow: "read" }, /allow: expected/],
      [{ digest, allow: ["read", "all"] }, /allow: expected/],
      [{ digest, allow: ["read"], prefixes: "app/" }, /prefixes: expected/],
      [{ digest, allow: ["read"], prefixes: [""] }, /prefixes: expected/],
      [{ digest, allow: ["read"], prefixes: ["a\0"] }, /prefixes: expected/],
      [{ digest, allow: ["read"], rate: "fast" }, /rate: expected/],
      [{ digest, allow: ["read"], prefix: ["app/"] }, /prefix is no setting; known are digest/],
      [{ digest, allow: ["read"], constructor: {} }, /constructor is no setting/],
      [[], /expected a section/],
    ] as const) {
      assert.throws(
        () => read("a", section),
        (error) => {
          assert.ok(error instanceof ConfigError);
          assert.match(error.message, message);
          return !error.message.includes(text);
        },
      );
    }
    const values = { "token-a": { digest, allow: ["read"] }, "token-b": { digest, allow: ["write"] } };
    assert.throws(() => readTokens({ path: "", folder: "", shown: "k.toml", values }), /digest of token-a/);
  });

  it("stay out of the partitions, which may revoke the same one, and need none of them to be asked", async () => {
    const serving = await serve({}, { partitions: 2 });
    const [text, other] = ["x", "y"].map((letter) => `kvs_${letter.repeat(43)}`);
    const digest = tokenDigest(text!).toString("hex");
    const token = { digest, name: "ci", scopes: ["read"] as const, prefixes: [], created: 0, revoked: 0 };
    const get = async (sent: string) =>
      (await serving.request("/kv/a", { headers: { Authorization: `Bearer ${sent}` } })).status;
    try {
      serving.store.tokens.configure([token]);
      assert.equal(serving.store.tokens.state, "some");
      assert.equal(await get(text!), 404);
      await serving.store.tokens.refresh();
      for (const { memory } of serving.partitions) assert.deepEqual(await memory.tokens(), []);

      // Of a front end that could ask nobody yet.
      const logger = { warn: () => undefined };
      const unasked = new Tokens({ partitions: () => [], configured: [token], runtime: systemRuntime, log: logger });
      const options = { requireTokens: true, authFailuresMax: 1, rateLimit: "none" } as const;
      const auth = new Auth(unasked, options, logger);
      const sent = (each: string) =>
        ({ headers: { authorization: `Bearer ${each}` }, rawHeaders: [], socket: {} }) as unknown as IncomingMessage;
      assert.doesNotThrow(() => auth.grantOf(sent(text!)));
      for (let attempt = 0; attempt < 3; attempt++) {
        assert.throws(() => auth.grantOf(sent(other!)), { code: "no_replica" });
      }

      await assert.rejects(serving.store.tokens.create({ name: "ci", scopes: ["read"], prefixes: [] }), /a token ci/);
      await serving.partitions[0]!.memory.keepTokens([{ ...token, created: 1, revoked: 2 }]);
      await serving.store.tokens.refresh();
      assert.equal(await get(text!), 401);
      serving.store.tokens.configure([]);
      assert.equal(serving.store.tokens.state, "some", "what had one does not open again");
      assert.equal(await get(other!), 401);
    } finally {
      await serving.close();
    }
  });
});

describe("files with secrets that other users can read", () => {
  it("are named with what to do, and used all the same", async () => {
    const data = ["--data", "exposed"];
    const { stdout } = await kvasir(["token", "create", "--name", "a", "--allow", "read", ...data], { cwd });
    const path = join(cwd, "token");
    writeFileSync(path, stdout);
    const get = () => kvasir(["get", "a", "--url", "http://127.0.0.1:9", "--token-file", "token"], { cwd });
    chmodSync(path, 0o644);
    assert.match((await get()).stderr, /^kvasir: --token-file: other users can read .*token; run: chmod 6[04]0 /);
    chmodSync(path, 0o600);
    assert.doesNotMatch((await get()).stderr, /chmod/);
  });
});
