import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { kvasir, type Server, spawnKvasir, startServer, temporaryFolder } from "./kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
let from: Server;
let to: Server;
before(async () => {
  from = await startServer(cwd, ["--data", "from"]);
  to = await startServer(cwd, ["--data", "to"]);
});
after(async () => {
  await Promise.all([from.stop(), to.stop()]);
  await folder.remove();
});

const run = (url: string, args: readonly string[], input?: string) =>
  kvasir([...args, "--url", url], { cwd, ...(input !== undefined && { input }) });

interface Stored {
  readonly key: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly headers?: { readonly [name: string]: string };
}

/** One of each kind that a careless export would change. */
const samples: readonly Stored[] = [
  { key: "text", body: "hällo\r\n", headers: { "Content-Type": "text/plain; charset=utf-8" } },
  { key: "empty", body: "" },
  { key: "bytes", body: Uint8Array.from({ length: 3000 }, (_, index) => index % 256) },
  { key: "nul", body: "a\0b" },
  { key: "byte order mark", body: "\ufeffx" },
  {
    key: "json",
    body: '{\n  "b": 1.0,\r\n  "a": 12345678901234567890, "b": 2 }',
    headers: { "Content-Type": "application/json" },
  },
  { key: "json text", body: '"quoted"', headers: { "Content-Type": "application/json" } },
  { key: "no json", body: "{", headers: { "Content-Type": "application/problem+json" } },
  { key: "../odd/ключ\n%2F?#", body: "odd" },
  { key: "rich", body: "x", headers: { "Content-Type": "text/x-odd", "Kvasir-Meta-Owner": "ann", "X-TTL": "3600" } },
  {
    key: "rich json",
    body: "[1]",
    headers: { "Content-Type": "application/json", "Kvasir-Meta-Owner": "bob", "X-TTL": "3600" },
  },
];

async function store(server: Server, { key, body, headers = {} }: Stored): Promise<void> {
  const url = `${server.url}/kv?key=${encodeURIComponent(key)}`;
  const response = await fetch(url, { method: "PUT", body: Buffer.from(body), headers });
  assert.ok(response.ok, await response.text());
}

/** All that must survive: bytes, type, metadata, expiry. */
async function look(server: Server, key: string) {
  const response = await fetch(`${server.url}/kv?key=${encodeURIComponent(key)}`);
  const kept = [...response.headers].filter(([name]) => /^(content-type|kvasir-meta-.*|kvasir-expires)$/.test(name));
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()), headers: kept };
}

describe("kvasir export and import", () => {
  it("carry every record over unchanged", async () => {
    for (const sample of samples) await store(from, sample);
    const exported = await run(from.url, ["export", "-o", "all.ndjson"]);
    assert.deepEqual([exported.code, exported.stderr], [0, `exported ${samples.length}\n`]);
    const imported = await run(to.url, ["import", "all.ndjson"]);
    assert.deepEqual([imported.code, imported.stdout, imported.stderr], [0, `imported ${samples.length}\n`, ""]);
    for (const { key } of samples) assert.deepEqual(await look(to, key), await look(from, key), key);
    const again = await run(to.url, ["export"]);
    assert.deepEqual(withoutVersions(again.stdout), withoutVersions(readFileSync(join(cwd, "all.ndjson"), "utf8")));
  });

  it("take a prefix, stdout and stdin", async () => {
    await store(from, { key: "piped/1", body: "one" });
    const { stdout } = await run(from.url, ["export", "--prefix", "piped/"]);
    const line = JSON.parse(stdout) as { [name: string]: unknown };
    assert.deepEqual([line.key, line.value, line.encoding], ["piped/1", "one", "utf8"]);
    assert.equal((await run(to.url, ["import", "-"], stdout)).code, 0);
    assert.equal((await look(to, "piped/1")).bytes.toString(), "one");
  });

  it("carry more than a page and more than a batch", async () => {
    const lines = Array.from({ length: 2500 }, (_, index) => `{"key":"many/${index}","value":"${index}"}\n`);
    assert.equal((await run(from.url, ["import", "-"], lines.join(""))).stdout, "imported 2500\n");
    const { stdout } = await run(from.url, ["export", "--prefix", "many/"]);
    assert.equal(stdout.trim().split("\n").length, 2500);
  });

  it("carry values as large as the server takes", async () => {
    await store(from, { key: "large", body: new Uint8Array(8 * 1024 * 1024).fill(200) });
    const { stdout } = await run(from.url, ["export", "--prefix", "large"]);
    const imported = await run(to.url, ["import", "-"], stdout);
    assert.deepEqual([imported.stdout, imported.stderr], ["imported 1\n", ""]);
    assert.equal((await look(to, "large")).bytes.length, 8 * 1024 * 1024);
  });
});

describe("kvasir import", () => {
  it("names bad lines by number and stores the others", async () => {
    const lines = [
      `{"key":"good/1","value":"1"}`,
      "nonsense",
      `{"key":"","value":"1"}`,
      "",
      `{"value":"1"}`,
      `{"key":"bad/4"}`,
      `{"key":"bad/5","value":"1","expires":"soon"}`,
      `{"key":"bad/6","value":"%%%","encoding":"base64"}`,
      `{"key":"good/2","value":{"n":12345678901234567890}}`,
    ];
    const { code, stdout, stderr } = await run(to.url, ["import", "-"], lines.join("\n"));
    assert.equal(code, 1);
    assert.equal(stdout, "imported 2, 6 bad lines\n");
    const named = [...stderr.matchAll(/^kvasir: line (\d+): .+$/gm)].map(([, number]) => Number(number));
    assert.deepEqual(named, [2, 3, 5, 6, 7, 8]);
    assert.equal((await look(to, "good/2")).bytes.toString(), '{"n":12345678901234567890}');
  });

  it("skips and counts what has expired", async () => {
    const lines = `{"key":"old","value":"1","expires":"2001-01-01T00:00:00.000Z"}\n{"key":"new","value":"1","expires":"2101-01-01T00:00:00.000Z"}\n`;
    const { code, stdout } = await run(to.url, ["import", "-", "--json"], lines);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { imported: 1, expired: 1, bad: 0, lines: 2 });
    assert.equal((await look(to, "old")).status, 404);
  });

  it("lets the later of two lines with one key win", async () => {
    const lines = Array.from({ length: 900 }, (_, index) => `{"key":"twice/${index % 450}","value":"${index}"}\n`);
    assert.equal((await run(to.url, ["import", "-"], lines.join(""))).code, 0);
    for (const index of [0, 7, 449])
      assert.equal((await look(to, `twice/${index}`)).bytes.toString(), `${index + 450}`);
  });

  it("goes on after a kill where it safely was", async () => {
    const lines = Array.from({ length: 3000 }, (_, index) => `{"key":"resumed/${index}","value":"${index}"}\n`);
    const state = join(cwd, "import.state");
    const child = spawnKvasir(["import", "-", "--resume", state, "--url", to.url], { cwd });
    child.stdin!.write(lines.slice(0, 1500).join(""));
    while (!existsSync(state)) await sleep(5);
    child.kill("SIGKILL");
    await once(child, "close");

    const { offset } = JSON.parse(readFileSync(state, "utf8")) as { offset: number };
    assert.ok(offset > 0 && offset <= lines.slice(0, 1500).join("").length);
    const resumed = await run(to.url, ["import", "-", "--resume", state, "--json"], lines.join(""));
    assert.deepEqual(JSON.parse(resumed.stdout), { imported: 3000, expired: 0, bad: 0, lines: 3000 });
    for (const index of [0, 199, 200, 1499, 1500, 2999]) {
      assert.equal((await look(to, `resumed/${index}`)).bytes.toString(), String(index));
    }
    const again = await run(to.url, ["import", "-", "--resume", state, "--json"], lines.join(""));
    assert.deepEqual(JSON.parse(again.stdout), { imported: 3000, expired: 0, bad: 0, lines: 3000 });
  });

  it("refuses the state of another file", async () => {
    writeFileSync(join(cwd, "a.ndjson"), `{"key":"a","value":"1"}\n`);
    assert.equal((await run(to.url, ["import", "a.ndjson", "--resume", "a.state"])).code, 0);
    const { code, stderr } = await run(to.url, ["import", "all.ndjson", "--resume", "a.state"]);
    assert.equal(code, 2);
    assert.match(stderr, /--resume: a\.state belongs to the import of .*a\.ndjson/);
  });

  it("refuses a file that is not there", async () => {
    const { code, stderr } = await run(to.url, ["import", "nope.ndjson"]);
    assert.deepEqual([code, stderr], [2, "kvasir: import: nope.ndjson cannot be read (ENOENT)\n"]);
  });
});

function withoutVersions(ndjson: string): unknown[] {
  return ndjson
    .trim()
    .split("\n")
    .map((line) => ({ ...(JSON.parse(line) as object), version: "" }));
}
