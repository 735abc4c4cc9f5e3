import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { kvasir, type Server, startServer, temporaryFolder } from "./kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
let server: Server;
before(async () => {
  server = await startServer(cwd);
});
after(async () => {
  await server.stop();
  await folder.remove();
});

const run = (args: readonly string[], input?: string | Uint8Array) =>
  kvasir(args, { cwd, env: { KVASIR_URL: server.url }, ...(input !== undefined && { input }) });

async function ok(args: readonly string[], input?: string | Uint8Array): Promise<string> {
  const { code, stdout, stderr } = await run(args, input);
  assert.equal(code, 0, stderr);
  return stdout;
}

const binary = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256);

describe("kvasir put and get", () => {
  it("round-trip a value from the argument, stdin and a file", async () => {
    assert.match(await ok(["put", "from/argument", "hällo"]), /^created [0-9a-z]+-[0-9a-z]+\n$/);
    assert.match(await ok(["put", "from/argument", "again"]), /^stored /);
    assert.equal(await ok(["get", "from/argument"]), "again");
    await ok(["put", "from/stdin"], binary);
    assert.deepEqual(new Uint8Array((await run(["get", "from/stdin"])).bytes), binary);
    writeFileSync(join(cwd, "in"), binary);
    await ok(["put", "from/file", "--file", "in"]);
    await ok(["get", "from/file", "-o", "out"]);
    assert.deepEqual(new Uint8Array(readFileSync(join(cwd, "out"))), binary);
  });

  it("take an empty value", async () => {
    await ok(["put", "empty", ""]);
    assert.equal(await ok(["get", "empty"]), "");
  });

  it("take any key", async () => {
    for (const key of [
      ".",
      "..",
      "a/../b",
      "/",
      "a//b",
      " ",
      "a+b",
      "100%",
      "ключ/🔑",
      "?x=1&y#z",
      "line\nbreak",
      "-dash",
    ]) {
      await ok(["put", "--", key, `value of ${key}`]);
      assert.equal(await ok(["get", "--", key]), `value of ${key}`);
      assert.equal(await ok(["delete", "--", key]), "deleted\n");
    }
  });

  it("say that there is nothing, and make no file", async () => {
    const { code, stdout, stderr } = await run(["get", "nothing", "-o", "not-made"]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.equal(stderr, 'kvasir: nothing is stored under "nothing"\n');
    assert.equal(existsSync(join(cwd, "not-made")), false);
  });

  it("carry type, metadata and time to live", async () => {
    await ok(["put", "rich", "<p>", "--type", "text/html", "--ttl", "1h", "--meta", "owner=ann", "--meta", "tier=2 b"]);
    const { headers } = await fetch(`${server.url}/kv/rich`);
    assert.equal(headers.get("Content-Type"), "text/html");
    assert.equal(headers.get("Kvasir-Meta-Owner"), "ann");
    assert.equal(headers.get("Kvasir-Meta-Tier"), "2 b");
    assert.ok(headers.get("Kvasir-Expires"));
  });

  it("respect conditions", async () => {
    const version = (await ok(["put", "guarded", "1", "--if-none-match"])).split(" ")[1]!.trim();
    const second = await run(["put", "guarded", "2", "--if-none-match"]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /^kvasir: put guarded: 412 precondition_failed: /);
    await ok(["put", "guarded", "3", "--if-match", version]);
    assert.equal((await run(["delete", "guarded", "--if-match", version])).code, 1);
    assert.equal(await ok(["get", "guarded"]), "3");
  });

  it("refuse a wrong ttl in the server's words", async () => {
    const { code, stderr } = await run(["put", "k", "v", "--ttl", "soon"]);
    assert.equal(code, 1);
    assert.match(stderr, /^kvasir: put k: 400 invalid_query: [^\n]+\n$/);
  });
});

describe("kvasir delete", () => {
  it("says whether there was something", async () => {
    await ok(["put", "gone", "x"]);
    assert.equal(await ok(["delete", "gone"]), "deleted\n");
    assert.equal(await ok(["delete", "gone"]), "was not there\n");
  });
});

describe("kvasir list", () => {
  before(async () => {
    for (const key of ["list/a", "list/b/1", "list/b/2", "list/c\n%"]) await ok(["put", key, `of ${key}`]);
  });

  it("prints keys in order, one a line", async () => {
    assert.equal(await ok(["list", "list/"]), "list/a\nlist/b/1\nlist/b/2\nlist/c%0A%25\n");
    assert.equal(await ok(["list", "list/", "--limit", "2"]), "list/a\nlist/b/1\n");
  });

  it("rolls up what follows the delimiter", async () => {
    assert.deepEqual((await ok(["list", "list/", "--delimiter", "/"])).trim().split("\n").sort(), [
      "list/a",
      "list/b/",
      "list/c%0A%25",
    ]);
  });

  it("shows values and speaks JSON", async () => {
    assert.match(await ok(["list", "list/a", "--values"]), /^list\/a\tof list\/a\n$/);
    const { keys } = JSON.parse(await ok(["list", "list/", "--json", "--values"])) as {
      keys: { key: string; value: string }[];
    };
    assert.deepEqual(
      keys.map(({ key }) => key),
      ["list/a", "list/b/1", "list/b/2", "list/c\n%"],
    );
    assert.equal(keys[3]!.value, "of list/c\n%");
  });

  it("follows pages to the end", async () => {
    const small = await startServer(cwd, ["--data", "small"]);
    try {
      const names = Array.from({ length: 10 }, (_, index) => `k${index}`);
      for (const name of names) await fetch(`${small.url}/kv/${name}`, { method: "PUT", body: name });
      assert.equal(await ok(["list", "--url", small.url]), `${names.join("\n")}\n`);
      assert.equal(await ok(["list", "--url", small.url, "--limit", "7"]), `${names.slice(0, 7).join("\n")}\n`);
    } finally {
      await small.stop();
    }
  });
});

describe("kvasir status", () => {
  it("shows the partitions, and that all is ready", async () => {
    const text = await ok(["status"]);
    assert.match(text, /ready/);
    assert.match(text, /partition-1/);
    const status = JSON.parse(await ok(["status", "--json"])) as { ready: boolean; partitions: unknown[] };
    assert.deepEqual([status.ready, status.partitions.length], [true, 1]);
  });
});

describe("kvasir wipe", () => {
  it("deletes all keys of the test partitions", async () => {
    const other = await startServer(cwd, ["--data", "wiped"]);
    await fetch(`${other.url}/kv/a`, { method: "PUT", body: "1" });
    await other.stop();
    assert.equal(await ok(["wipe", "--data", "wiped"]), "deleted 1 keys\n");
    assert.equal(await ok(["wipe", "--data", "wiped"]), "deleted 0 keys\n");
  });
});
