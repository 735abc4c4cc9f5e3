import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { kvasir, type Server, startServer, temporaryFolder } from "../cli/kvasir.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";

const folder = temporaryFolder();
const cwd = folder.path;
let database: MariadbServer;
let server: Server;

/**
 * Modes in which quotes and backslashes mean something else, and character sets of which a character may end in a
 * backslash or a quote (`0xbf5c` in GBK), for the server, the database and new connections.
 */
const args = [
  "--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE,PAD_CHAR_TO_FULL_LENGTH,EMPTY_STRING_IS_NULL",
  "--character-set-server=big5",
  "--collation-server=big5_chinese_ci",
  "--init-connect=SET NAMES gbk",
];

before(async () => {
  database = await startMariadb({ args });
  await database.createDatabase("test_sql");
  await database.administer(
    "CREATE TABLE test_sql.canary (a INT) CHARACTER SET big5; INSERT INTO test_sql.canary VALUES (1)",
  );
  const { port, user, password } = database;
  const url = `mysql://${user}@127.0.0.1:${port}/sql`;
  server = await startServer(cwd, ["--partition-1-url", url], { KVASIR_PARTITION_1_PASSWORD: password });
});
after(async () => {
  await server.stop();
  await database.stop();
  await folder.remove();
});

/** Texts that end a literal, a comment or a statement in one of those modes or character sets. */
const texts = [
  "'; DROP TABLE canary; -- ",
  '"; DROP TABLE canary; -- ',
  "`; DROP TABLE canary; -- ",
  "\\'; DROP TABLE canary; -- ",
  "\\",
  "縗'; DROP TABLE canary; -- ",
  "\u00bf'\u00bf\\'; DROP TABLE canary; -- ",
  "誠' OR 1=1 -- ",
  "' UNION SELECT user, authentication_string FROM mysql.user -- ",
  "') ON DUPLICATE KEY UPDATE value = 'x' -- ",
  "1; SELECT SLEEP(10)",
  "%' OR '%'='",
  "_%",
  "/*! DROP TABLE canary */",
  "a   ",
  "A",
  "a",
  "ä",
  "a\u0308",
  "許功蓋",
  "\u001a\n\r\t",
];

const path = (key: string) => `/kv?key=${encodeURIComponent(key)}`;
const ask = (target: string, init: RequestInit = {}) => fetch(server.url + target, init);

describe("SQL text in every parameter, on a server with odd modes and character sets", () => {
  it("is a key, a value, a media type and metadata like any other", async () => {
    for (const text of texts) {
      const visible = text.replaceAll(/[^\x20-\x7e]/g, "").trim() || "a";
      const headers = {
        "Content-Type": visible,
        "Kvasir-Meta-A": visible,
        "Idempotency-Key": visible.replaceAll(" ", "_"),
      };
      const stored = await ask(path(text), { method: "PUT", body: text, headers });
      assert.equal(stored.status, 201, `${JSON.stringify(text)}: ${await stored.text()}`);
    }
    for (const text of texts) {
      const found = await ask(path(text), { headers: { Accept: "*/*" } });
      assert.equal(found.status, 200, text);
      assert.equal(await found.text(), text);
      assert.equal(found.headers.get("kvasir-meta-a"), text.replaceAll(/[^\x20-\x7e]/g, "").trim() || "a");
    }
    const bytes = Buffer.from("bf5c27bf27c05ca15c27ff00", "hex");
    assert.equal((await ask("/kv/bytes", { method: "PUT", body: bytes })).status, 201);
    assert.ok(bytes.equals(Buffer.from(await (await ask("/kv/bytes")).arrayBuffer())));
    assert.equal((await ask("/kv/bytes", { method: "DELETE" })).status, 204);
  });

  it("is a prefix, a bound, a delimiter and a cursor of lists", async () => {
    const all = (await (await ask("/kv?limit=1000")).json()) as { keys: { key: string }[] };
    assert.deepEqual(
      all.keys.map(({ key }) => key),
      [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    for (const text of texts) {
      for (const name of ["prefix", "start", "end", "delimiter", "cursor"]) {
        const response = await ask(`/kv?limit=1000&${name}=${encodeURIComponent(text)}`);
        assert.equal(response.status, name === "cursor" ? 400 : 200, await response.clone().text());
        const page = (await response.json()) as { keys?: { key: string }[] };
        if (name === "prefix") {
          const expected = texts.filter((key) => key.startsWith(text)).length;
          assert.equal(page.keys!.length, expected, text);
        }
      }
      if (!text.includes("canary")) continue;
      for (const parameter of ["limit", "w", "r", "ttl", "format", "values", "reverse", "confirm"]) {
        const response = await ask(`${path(text)}&${parameter}=${encodeURIComponent(text)}`);
        assert.ok(response.status < 500, `${parameter}: ${await response.text()}`);
      }
    }
  });

  it("is a member of batches, a condition, a token's name and prefix, and deletes only what it names", async () => {
    const operations = texts.flatMap((key) => [
      { op: "get", key },
      { op: "put", key, value: key, type: "text/plain", metadata: { a: "'; DROP TABLE canary; -- " } },
    ]);
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(operations) };
    const { results } = (await (await ask("/batch", init)).json()) as { results: { status: number; value?: string }[] };
    assert.deepEqual([...new Set(results.map(({ status }) => status))].sort(), [200, 204]);
    for (const [index, text] of texts.entries()) assert.equal(results[2 * index]!.value, text);
    for (const text of texts.slice(0, 4)) {
      for (const header of ["If-Match", "If-None-Match", "Range", "Prefer", "Kvasir-Clock", "Accept"]) {
        const response = await ask(path(text), { method: "PUT", body: "x", headers: { [header]: text.trim() } });
        assert.ok(response.status < 500, `${header}: ${await response.text()}`);
      }
    }
    const deleted = await ask(`/kv?prefix=${encodeURIComponent("'")}`, { method: "DELETE" });
    assert.deepEqual(await deleted.json(), { deleted: texts.filter((text) => text.startsWith("'")).length });
    await ask(`/kv?prefix=${encodeURIComponent("%' OR '%'='")}`, { method: "DELETE" });
    const left = (await (await ask("/kv?limit=1000")).json()) as { keys: unknown[] };
    assert.equal(left.keys.length, texts.filter((text) => !text.startsWith("'") && !text.startsWith("%")).length);
  });

  it("left everything else alone, and what is stored is what its fingerprints say", async () => {
    const { port, user, password } = database;
    const url = `mysql://${user}@127.0.0.1:${port}/sql`;
    const env = { KVASIR_PARTITION_1_PASSWORD: password };
    const data = ["--partition-1-url", url];
    const prefixes = texts.filter((text) => text.startsWith("\\")).flatMap((text) => ["--prefix", text]);
    const create = ["token", "create", "--name", "a", "--allow", "read", ...prefixes, ...data];
    assert.equal((await kvasir(create, { cwd, env })).code, 0);
    const { stdout } = await kvasir(["token", "list", "--json", ...data], { cwd, env });
    assert.deepEqual(
      JSON.parse(stdout).tokens[0].prefixes,
      prefixes.filter((text) => text !== "--prefix"),
    );
    const check = await kvasir(["check", "--deep", ...data], { cwd, env });
    assert.equal(check.code, 0, check.stdout + check.stderr);
    await database.administer("INSERT INTO test_sql.canary SELECT a + 1 FROM test_sql.canary");
  });
});
