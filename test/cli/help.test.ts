import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { kvasir, pathWithKvasir, type Server, startServer, temporaryFolder } from "./kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
let server: Server;
let examples: { readonly [command: string]: readonly string[] };
before(async () => {
  server = await startServer(cwd);
  const { stdout } = await kvasir(["help"], { cwd });
  const listed = stdout.split("Commands:")[1]!.matchAll(/^ {2}([a-z]+)/gm);
  const names = [...listed].map(([, name]) => name!).filter((name) => name !== "help");
  const helps = await Promise.all(names.map((name) => kvasir(["help", name], { cwd })));
  examples = Object.fromEntries(names.map((name, index) => [name, examplesIn(helps[index]!.stdout)]));
});
after(async () => {
  await server.stop();
  await folder.remove();
});

function examplesIn(help: string): string[] {
  const lines = help.split("\nExamples:\n")[1]?.trim().split("\n") ?? [];
  return lines.map((line) => line.trim());
}

/** The exit code of a line as a person types it. */
function shell(line: string): Promise<{ code: number; output: string }> {
  const env = { PATH: pathWithKvasir(cwd), KVASIR_ENV: "test", KVASIR_URL: server.url, KVASIR_DATA: "examples" };
  return new Promise((resolve) => {
    execFile("sh", ["-c", line], { cwd, env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr });
    });
  });
}

describe("the help", () => {
  it("has examples for every command", () => {
    const missing = Object.entries(examples).filter(([, lines]) => lines.length === 0);
    assert.deepEqual(missing, []);
    assert.ok(Object.keys(examples).length >= 13, Object.keys(examples).join(" "));
  });

  it("has examples that do what they show", async () => {
    writeFileSync(join(cwd, "photo.jpg"), Uint8Array.from([0xff, 0xd8, 0xff]));
    // What is read must have been written, and deleting comes last.
    const order = ["put", "get", "list", "export", "import", "delete", "status", "init", "sync", "check", "wipe"];
    const lines = order.flatMap((command) => examples[command]!);
    const endless = /--every|--watch/;
    for (const line of lines.filter((each) => !endless.test(each))) {
      const { code, output } = await shell(line);
      assert.equal(code, 0, `${line}: ${output}`);
    }
    assert.deepEqual(readFileSync(join(cwd, "copy.jpg")), readFileSync(join(cwd, "photo.jpg")));
    assert.ok(existsSync(join(cwd, "users.ndjson.gz")));
  });

  it("has examples of what does not end by itself, or writes elsewhere, with flags that are there", async () => {
    const lines = Object.values(examples).flat();
    const others = lines.filter((line) =>
      /^kvasir (serve|completion|bench|token|partition)|--every|--watch/.test(line),
    );
    assert.ok(others.length >= 6, others.join("\n"));
    for (const line of others) {
      // The help comes instead of the command, but not before its flags are read.
      const { code, output } = await shell(`${line.split(" > ")[0]} --help`);
      assert.equal(code, 0, `${line}: ${output}`);
    }
  });
});

describe("a slip of the pen", () => {
  for (const [line, expected] of [
    ["kvasir stauts", /unknown command 'stauts' \(Did you mean status\?\)/],
    ["kvasir lst --url http://127.0.0.1:9", /unknown command 'lst' \(Did you mean list\?\)/],
    ["kvasir put a b --tll 3s", /unknown option '--tll' \(Did you mean --ttl\?\)/],
    ["kvasir check --rapair", /unknown option '--rapair' \(Did you mean --repair\?\)/],
    ["kvasir serve --server-prot 1", /unknown option '--server-prot' \(Did you mean --server-port\?\)/],
    ["kvasir completion csh", /'csh' is invalid for argument 'shell'\. Allowed choices are bash, zsh, fish/],
    ["kvasir status now", /too many arguments for 'status'/],
  ] as const) {
    it(`in ${line} gets one line with the mend, and exit code 2`, async () => {
      const { code, output } = await shell(line);
      assert.match(output, expected);
      assert.match(output, /^kvasir: [^\n]+; see kvasir --help\n$/);
      assert.equal(code, 2);
    });
  }
});
