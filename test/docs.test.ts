import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it } from "node:test";
import { errorCodes } from "../src/errors.ts";
import { MysqlDatabase } from "../src/partitions/sql/mysql-database.ts";
import { schemaStatements } from "../src/partitions/sql/schema.ts";
import { SqlPartition } from "../src/partitions/sql/sql-partition.ts";
import { SqlitePartition } from "../src/partitions/sql/sqlite-partition.ts";
import { type Record, tombstone } from "../src/record.ts";
import { stampAt } from "../src/version.ts";
import { kvasir, pathWithKvasir } from "./cli/kvasir.ts";
import { type Serving, serve } from "./http/serving.ts";
import { startMariadb } from "./support/mariadb.ts";
import { findProgram } from "./support/programs.ts";

/** A line of a document that begins with `curl`, and what the document says of its answer. */
interface Example {
  readonly command: string;
  /** From the comment at its end. */
  readonly status: number | undefined;
  /** The comment lines right below: lines of the answer in their order, where `…` is anything. */
  readonly shown: readonly string[];
}

const documents = ["README.md", ...globSync("docs/*.md").sort()];

/** Lines of shell that no test here can run as they stand, and why. */
const notRun: readonly [line: RegExp, reason: string][] = [
  [/^npm ci && npm start$/, "installs into the clone; test/cli/serve.test.ts starts the server"],
  [/^kvasir serve$/, "does not end; test/cli/serve.test.ts starts it"],
  [/@db1\.example/, "needs that server; the users and their rights are tried below"],
  [/^mariadb-dump /, "needs a server with the default socket; test/cli/backup.test.ts does it with one"],
  ...(findProgram("sqlite3") === undefined ? [[/^sqlite3 /, "sqlite3 is not installed"] as [RegExp, string]] : []),
];

for (const file of documents) {
  describe(`what ${file} shows`, () => {
    let serving: Serving;
    let folder: string;
    before(async () => {
      serving = await serve({}, { partitions: 3 });
      folder = mkdtempSync(join(tmpdir(), "kvasir-docs-"));
      writeFileSync(join(folder, ".curlrc"), 'silent\nshow-error\nwrite-out = "%{stderr}%{http_code}"\n');
      writeFileSync(join(folder, "photo.jpg"), Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 1, 2, 3]));
    });
    after(async () => {
      await serving.close();
      rmSync(folder, { recursive: true });
    });

    for (const { command, status, shown } of examplesIn(readFileSync(file, "utf8"))) {
      it(command.slice(0, 120), async () => {
        const { stdout, stderr } = await run(command.replaceAll("http://127.0.0.1:7070", serving.url), folder);
        if (status !== undefined) assert.equal(Number(stderr.slice(-3)), status, stdout);
        assert.ok(Number(stderr.slice(-3)) < 500, stdout);
        assertShown(stdout, shown);
      });
    }
  });
}

for (const file of documents) {
  const lines = commandsIn(readFileSync(file, "utf8"));
  if (lines.length === 0) continue;
  describe(`the commands in ${file}`, () => {
    let servings: Serving[];
    let folder: string;
    before(async () => {
      servings = [await serve(), await serve()];
      folder = mkdtempSync(join(tmpdir(), "kvasir-docs-"));
      writeFileSync(join(folder, "photo.jpg"), Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 1, 2, 3]));
      // Outside of test mode, so that the files have the names that the documents give them.
      await kvasir(["init"], { cwd: folder, env: { KVASIR_ENV: "" } });
    });
    after(async () => {
      await Promise.all(servings.map((serving) => serving.close()));
      rmSync(folder, { recursive: true });
    });

    for (const line of lines) {
      const skip = notRun.find(([pattern]) => pattern.test(line))?.[1] ?? false;
      if (skip !== false) process.stdout.write(`${file}: not run: ${line} (${skip})\n`);
      it(line.slice(0, 120), { skip }, async () => {
        const [first, second] = servings.map(({ url }) => url);
        const command = line.replaceAll("http://127.0.0.1:7070", first!).replaceAll("http://127.0.0.1:7071", second!);
        await run(command, folder, { PATH: pathWithKvasir(folder), KVASIR_URL: first! });
      });
    }
  });
}

describe("docs/http-api.md", () => {
  const text = readDocument("docs/http-api.md");

  it("has every error code with its status, and whether repeating may help", () => {
    const rows = [...text.matchAll(/^\| `(\w+)` \| (\d{3})( ↻)? \|/gm)];
    const documented = rows.map(([, code, status, retriable]) => [code, Number(status), retriable !== undefined]);
    const known = Object.entries(errorCodes).map(([code, { status, retriable }]) => [code, status, retriable]);
    assert.deepEqual(documented, known);
  });
});

describe("docs/operating.md", () => {
  it("has every metric of Kvasir's own", async () => {
    const serving = await serve();
    try {
      const metrics = await (await serving.request("/metrics")).text();
      const names = [...metrics.matchAll(/^# TYPE (kvasir_\w+)/gm)].map(([, name]) => name!);
      const documented = [...readFileSync("docs/operating.md", "utf8").matchAll(/^\| `(kvasir_\w+)/gm)];
      assert.deepEqual(documented.map(([, name]) => name!).sort(), names.sort());
    } finally {
      await serving.close();
    }
  });
});

describe("docs/partitions.md", () => {
  const text = readDocument("docs/partitions.md");

  for (const statement of schemaStatements("mysql")) {
    const [, table, columns] = /^CREATE TABLE IF NOT EXISTS (\w+) \(\n(.*?)\n *PRIMARY KEY/s.exec(statement)!;
    it(`has every column of ${table} with its type`, () => {
      const created = [...columns!.matchAll(/^ *`?(\w+)`? (\S+) NOT NULL/gm)].map(([, name, type]) => [name, type]);
      const section = text.split(`### \`${table}\`\n`)[1]!.split("\n#")[0]!;
      const documented = [...section.matchAll(/^\| `(\w+)` \| `(\S+)` \|/gm)].map(([, name, type]) => [name, type]);
      assert.deepEqual(documented, created);
    });
  }

  it("has every name in meta", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "kvasir-docs-")), "p1.db");
    const partition = new SqlitePartition("p1", file);
    await partition.initialise({ cluster: "c", partition: "p1" });
    await partition.raise({ seen: { NAME: 1 } });
    await partition.adopt({ epoch: 1, members: [{ name: "p1", weight: 1 }], replicas: "all", gone: [] });
    await partition.filling(1, { by: "p", until: 2, progress: 0, keysPerSecond: 0 });
    const token = { name: "ci", scopes: ["read"] as const, prefixes: [], created: 1, revoked: 0 };
    await partition.keepTokens([{ ...token, digest: "DIGEST" }]);
    await partition.close();
    const database = new DatabaseSync(file, { readOnly: true });
    const names = database
      .prepare("SELECT CAST(name AS TEXT) AS name FROM meta")
      .all()
      .map((row) => String(row.name));
    database.close();
    rmSync(dirname(file), { recursive: true });
    const section = text.split("### `meta`\n")[1]!.split("\n#")[0]!;
    const documented = [...section.matchAll(/^\| `([\w/]+)` \| [^`]/gm)].map(([, name]) => name!);
    assert.deepEqual(documented.sort(), names.sort());
  });

  it("has users with rights that suffice, and SQL that runs", async () => {
    const server = await startMariadb();
    // The test server has a user of this name already.
    const blocks = [...text.matchAll(/^```sql\n(.*?)^```$/gms)].map(([, sql]) => sql!.replaceAll("kvasir@", "docs@"));
    const open = (user: string, password: string) => {
      const { host, port } = server;
      const limits = { connectTimeoutMs: 10_000, queryTimeoutMs: 20_000, readConnections: 1, writeConnections: 1 };
      const options = { name: "p1", hosts: [{ host, port }], database: "kvasir", user, password, ...limits };
      return new SqlPartition("p1", new MysqlDatabase({ ...options, strictDurability: true }));
    };
    const [maker, taker] = [open("kvasir_init", "other-secret"), open("docs", "secret")];
    try {
      await server.administer(blocks[0]!);
      await maker.initialise({ cluster: "c", partition: "p1" });
      await taker.open();
      await useEverything(taker);
      for (const sql of blocks.slice(1)) await server.administer(sql);
    } finally {
      await Promise.all([maker.close(), taker.close()]);
      await server.stop();
    }
  });
});

describe("the documents", () => {
  it("have no link that leads nowhere", () => {
    for (const file of globSync("docs/*.md")) {
      for (const [, target] of readFileSync(file, "utf8").matchAll(/\]\(([^):]+)\)/g)) {
        const [path, anchor] = target!.split("#");
        const linked = path === "" ? file : join(dirname(file), path!);
        assert.ok(existsSync(linked), `${file}: ${target}`);
        if (anchor !== undefined) assert.ok(anchorsIn(linked).includes(anchor), `${file}: ${target}`);
      }
    }
  });
});

/** As GitHub makes them of titles. */
function anchorsIn(file: string): string[] {
  return [...readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** Everything that serving and synchronisation do to a partition. */
async function useEverything(partition: SqlPartition): Promise<void> {
  const now = Date.now();
  const content = { isTombstone: false, value: Buffer.from("hello"), type: "text/plain", metadata: "", expires: 0 };
  const request = { id: "id", digest: "digest" };
  const write = {
    key: "greeting",
    content,
    stamp: stampAt(now),
    writer: 1,
    now,
    owed: ["p2"],
    standIn: false,
    epoch: 0,
  };
  const [outcome] = await partition.write([{ ...write, request, condition: { ifNoneMatch: "*" } }]);
  assert.equal(outcome!.kind, "applied");
  const version = { stamp: stampAt(now + 1), writer: 1 };
  await partition.apply([{ ...tombstone, key: "deleted", version }]);
  assert.ok((await partition.recall("greeting", "id")) && (await partition.read(["greeting"]))[0]);
  assert.equal((await partition.owed()).length, 1);
  await partition.settle((await partition.hints("p2", "", 10)).map((hint) => ({ ...hint, target: "p2" })));
  assert.ok(await partition.raise({ pass: 1, isComplete: true, seen: { p2: 1 }, writeFloor: version.stamp }));
  assert.ok(await partition.raise({ floor: version.stamp }));
  assert.equal((await partition.purge("", 10)).purged, 1);
  assert.deepEqual((await partition.scrub("", 10)).damaged, []);
  await partition.restore((await partition.read(["greeting"])) as Record[]);
  assert.equal(await partition.forgetRequests(now + 1, 10), 1);
}

/** A document's text, with the padding taken from its tables. */
function readDocument(file: string): string {
  return readFileSync(file, "utf8").replaceAll(/ +\|/g, " |");
}

function examplesIn(text: string): Example[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!.trimEnd().split("\n"));
  const examples: Example[] = [];
  for (const line of blocks.flatMap((block) => [...block, ""])) {
    const last = examples.at(-1);
    if (line.startsWith("curl ")) {
      const [, command = line, status] = /^(.*?)\s+# (\d{3})$/.exec(line) ?? [];
      examples.push({ command, status: status === undefined ? undefined : Number(status), shown: [] });
    } else if (line.startsWith("# ") && last !== undefined) {
      examples[examples.length - 1] = { ...last, shown: [...last.shown, line.slice(2)] };
    }
  }
  return examples;
}

/** The lines of shell that are not requests by curl. */
function commandsIn(text: string): string[] {
  const lines = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) => block!.split("\n"));
  return lines.filter((line) => line !== "" && !/^(curl |#)/.test(line)).map((line) => line.replace(/\s+# .*$/, ""));
}

function run(
  command: string,
  folder: string,
  more: { readonly [name: string]: string } = {},
): Promise<{ stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH, CURL_HOME: folder, ...more };
  return new Promise((resolve, reject) => {
    execFile("sh", ["-c", command], { cwd: folder, env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr });
      else reject(new Error(`${command}: ${error.message}: ${stderr}`));
    });
  });
}

function assertShown(output: string, shown: readonly string[]): void {
  const lines = output.split(/\r?\n/);
  let from = 0;
  for (const expected of shown) {
    const pattern = new RegExp(`^${expected.split("…").map(RegExp.escape).join(".*")}$`);
    const found = lines.findIndex((line, index) => index >= from && pattern.test(line));
    assert.ok(found >= 0, `${expected}\nis not in\n${output}`);
    from = found + 1;
  }
}
