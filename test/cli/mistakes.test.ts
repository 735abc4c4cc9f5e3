import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { kvasir, temporaryFolder } from "./kvasir.ts";

const folder = temporaryFolder();
after(() => folder.remove());
const cwd = folder.path;

async function mistake(args: readonly string[], env: { readonly [name: string]: string } = {}): Promise<string> {
  const { code, stdout, stderr } = await kvasir(args, { cwd, env });
  assert.equal(code, 2, stderr);
  assert.equal(stdout, "");
  // A server that came as far as opening its partitions has also written log lines.
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0]!, /^kvasir: /);
  return lines[0]!;
}

describe("kvasir with a mistake ends with exit code 2 and one line", () => {
  it("for a wrong command, flag or argument", async () => {
    assert.match(await mistake(["sevre"]), /unknown command 'sevre' \(Did you mean serve\?\)/);
    assert.match(await mistake(["serve", "--prot", "1"]), /unknown option '--prot' \(Did you mean --port\?\)/);
    assert.match(await mistake(["get"]), /missing required argument 'key'/);
    assert.match(await mistake(["list", "--limit", "none", "--url", "http://127.0.0.1:9"]), /--limit: expected/);
    assert.match(await mistake(["get", "a", "--url", "nowhere"]), /--url: expected http:\/\/HOST:PORT, got "nowhere"/);
  });

  it("for a missing section, an unknown setting, a bad URL, a wrong type", async () => {
    for (const [toml, expected] of [
      ["partitions = 2\n[partition-1]\nurl = 'sqlite:a'\n", /bad\.toml: the section \[partition-2\] is missing/],
      ["[server]\nprot = 1\n", /bad\.toml: server\.prot is no setting; did you mean port\?/],
      ["[partition-1]\nurl = 'mysql://u:hidden@h'\n", /bad\.toml: partition-1\.url: the URL is malformed/],
      ["[server]\nport = 'x'\n", /bad\.toml: server\.port: expected a whole number from 0 to 65535, got "x"/],
    ] as const) {
      writeFileSync(join(cwd, "bad.toml"), toml);
      for (const command of ["serve", "init"]) assert.match(await mistake([command, "--config", "bad.toml"]), expected);
    }
    assert.match(await mistake(["serve", "--partition-1-url", "nonsense"]), /--partition-1-url: expected mysql/);
  });

  it("for a wrong KVASIR_ENV", async () => {
    assert.match(await mistake(["serve"], { KVASIR_ENV: "staging" }), /KVASIR_ENV: expected "test"/);
  });

  it("for wipe outside of test mode", async () => {
    assert.match(await mistake(["wipe"], { KVASIR_ENV: "production" }), /unknown command 'wipe'/);
  });

  it("for a port in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    try {
      for (const workers of ["1", "2"]) {
        const line = await mistake(["serve", "--port", String(port), "--workers", workers]);
        assert.match(line, new RegExp(`cannot listen on 127\\.0\\.0\\.1 port ${port}: it is in use; .*--port`));
      }
    } finally {
      other.close();
    }
  });

  it("for a folder that cannot be written", async () => {
    writeFileSync(join(cwd, "a-file"), "");
    assert.match(await mistake(["serve", "--port", "0", "--data", "a-file/below"]), /a-file\/below/);
  });
});

describe("kvasir without a server ends with exit code 1 and one line", () => {
  for (const args of [["get", "a"], ["list"], ["status"], ["export"]]) {
    it(`for ${args[0]}`, async () => {
      const { code, stderr } = await kvasir([...args, "--url", "http://127.0.0.1:9"], { cwd });
      assert.equal(code, 1);
      assert.match(stderr, /^kvasir: http:\/\/127\.0\.0\.1:9 does not answer \([^\n]+\n$/);
    });
  }
});

describe("kvasir init --print", () => {
  it("prints the SQL without touching anything", async () => {
    const { code, stdout } = await kvasir(["init", "--print", "--partition-1-url", "mysql://u@nowhere.invalid/db"], {
      cwd,
    });
    assert.equal(code, 0);
    assert.match(stdout, /^-- mysql, version 2\nCREATE TABLE IF NOT EXISTS meta/);
    assert.match(stdout, /\n-- from version 1 to 2\nALTER TABLE meta MODIFY /);
  });
});
