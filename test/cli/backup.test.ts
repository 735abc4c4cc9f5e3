import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, describe, it } from "node:test";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";
import { kvasir, type Server, startServer, temporaryFolder } from "./kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
after(() => folder.remove());

async function put(server: Server, key: string, value: string, headers: { readonly [name: string]: string } = {}) {
  const response = await fetch(`${server.url}/kv/${key}`, { method: "PUT", body: value, headers });
  assert.ok(response.ok, await response.text());
}

async function read(server: Server, key: string): Promise<string | undefined> {
  const response = await fetch(`${server.url}/kv/${key}`);
  const text = await response.text();
  return response.status === 200 ? text : undefined;
}

/** A copy of a file in use, as `VACUUM INTO` makes it. */
function vacuumInto(file: string, copy: string): void {
  const database = new DatabaseSync(file);
  database.prepare("VACUUM INTO ?").run(copy);
  database.close();
}

describe("a backup of a SQLite file", () => {
  it("that VACUUM INTO makes while Kvasir serves is the store of that moment", async () => {
    const serving = await startServer(cwd, ["--data", "single"]);
    await put(serving, "before", "1");
    vacuumInto(join(cwd, "single", "test_partition-1.db"), join(cwd, "single.backup"));
    await put(serving, "after", "2");
    await serving.stop();
    for (const ending of ["", "-wal", "-shm"])
      rmSync(join(cwd, "single", `test_partition-1.db${ending}`), { force: true });
    cpSync(join(cwd, "single.backup"), join(cwd, "single", "test_partition-1.db"));
    const restored = await startServer(cwd, ["--data", "single"]);
    assert.deepEqual([await read(restored, "before"), await read(restored, "after")], ["1", undefined]);
    await restored.stop();
  });

  it("that is put in the place of one of two partitions is filled from the other", async () => {
    const args = ["1", "2"].flatMap((number) => [`--partition-${number}-url`, `sqlite:pair/p${number}.db`]);
    const options = ["--partitions", "2", ...args];
    mkdirSync(join(cwd, "pair"));
    const serving = await startServer(cwd, options);
    await put(serving, "before", "1");
    await serving.stop();
    assert.equal((await kvasir(["sync", ...options], { cwd })).code, 0);
    const file = join(cwd, "pair", "test_p1.db");
    vacuumInto(file, join(cwd, "pair.backup"));

    const later = await startServer(cwd, options);
    await put(later, "after", "2");
    await later.stop();
    assert.equal((await kvasir(["sync", ...options], { cwd })).code, 0);

    for (const ending of ["", "-wal", "-shm"]) rmSync(`${file}${ending}`, { force: true });
    cpSync(join(cwd, "pair.backup"), file);
    const { code, stdout, stderr } = await kvasir(["sync", ...options], { cwd });
    assert.equal(code, 0, stdout + stderr);
    const restored = new DatabaseSync(file, { readOnly: true });
    const keys = restored.prepare("SELECT CAST(key AS TEXT) AS name FROM records ORDER BY key").all();
    restored.close();
    assert.deepEqual(
      keys.map(({ name }) => name),
      ["after", "before"],
    );
    assert.equal((await kvasir(["check", ...options], { cwd })).code, 0);
  });
});

/** The settings of a single partition on a test server. */
function onDatabase({ host, port, user, password }: MariadbServer, name: string): string[] {
  writeFileSync(join(cwd, "password"), password, { mode: 0o600 });
  return [
    ...["--partitions", "1", "--partition-1-url", `mysql://${user}@${host}:${port}/${name}`],
    ...["--partition-1-password-file", join(cwd, "password")],
  ];
}

describe("a backup of a MariaDB database", () => {
  it("that mariadb-dump makes while Kvasir serves is the store of that moment", async () => {
    const database = await startMariadb();
    let server: Server | undefined;
    try {
      for (const name of ["test_kvasir", "test_restored"]) await database.createDatabase(name);
      const serving = await startServer(cwd, onDatabase(database, "test_kvasir"));
      server = serving;
      await put(serving, "before", "\\ ' \0 \n");
      const login = ["--no-defaults", "-S", database.socket, "-u", "root"];
      const dump = execFileSync("mariadb-dump", [...login, "--single-transaction", "--hex-blob", "test_kvasir"]);
      await put(serving, "after", "2");
      await serving.stop();
      execFileSync("mariadb", [...login, "test_restored"], { input: dump });
      server = await startServer(cwd, onDatabase(database, "test_restored"));
      assert.deepEqual([await read(server, "before"), await read(server, "after")], ["\\ ' \0 \n", undefined]);
    } finally {
      await server?.stop();
      await database.stop();
    }
  });
});

describe("a move from SQLite to MySQL", () => {
  it("carries everything over by export and import", async () => {
    const database: MariadbServer = await startMariadb();
    let from: Server | undefined;
    let to: Server | undefined;
    try {
      await database.createDatabase("test_kvasir");
      from = await startServer(cwd, ["--data", "moved"]);
      to = await startServer(cwd, onDatabase(database, "test_kvasir"));
      const headers = { "Content-Type": "text/html", "Kvasir-Meta-Owner": "ann", "X-TTL": "3600" };
      await put(from, "page", "<p>hällo</p>", headers);
      for (let number = 0; number < 300; number++) await put(from, `many/${number}`, String(number));
      const exported = await kvasir(["export", "--url", from.url, "-o", "moved.ndjson"], { cwd });
      assert.equal(exported.stderr, "exported 301\n");
      const into = ["import", "moved.ndjson", "--resume", "import.state", "--url", to.url];
      const imported = await kvasir(into, { cwd });
      assert.deepEqual([imported.code, imported.stdout], [0, "imported 301\n"], imported.stderr);
      assert.ok(existsSync(join(cwd, "import.state")));

      const page = await fetch(`${to.url}/kv/page`);
      assert.equal(await page.text(), "<p>hällo</p>");
      assert.equal(page.headers.get("Content-Type"), "text/html");
      assert.equal(page.headers.get("Kvasir-Meta-Owner"), "ann");
      assert.equal(
        page.headers.get("Kvasir-Expires"),
        (await fetch(`${from.url}/kv/page`)).headers.get("Kvasir-Expires"),
      );
      const lists = [from, to].map(({ url }) => kvasir(["list", "--values", "--url", url], { cwd }));
      const [before, behind] = await Promise.all(lists);
      assert.equal(behind!.stdout, before!.stdout);
      assert.equal(behind!.stdout.trim().split("\n").length, 301);
    } finally {
      await Promise.all([from?.stop(), to?.stop()]);
      await database.stop();
    }
  });
});
