import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { kvasir, temporaryFolder } from "./kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
after(() => folder.remove());

before(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await kvasir(["completion", shell], { cwd });
    assert.equal(code, 0);
    writeFileSync(join(cwd, `kvasir.${shell}`), stdout);
  }
  mkdirSync(join(cwd, "files"));
  for (const name of ["a b.ndjson", "plain.ndjson"]) writeFileSync(join(cwd, "files", name), "");
});

/** What bash offers for a line whose last word is being typed. */
function bashOffers(...words: readonly string[]): string[] {
  const script = `source kvasir.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kvasir; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync("bash", ["--norc", "-c", script, "bash", ...words], { cwd, encoding: "utf8" });
  return output.split("\n").filter((line) => line !== "");
}

describe("completion in bash", () => {
  it("offers the commands that the help has", async () => {
    const { stdout } = await kvasir(["help"], { cwd });
    const listed = [...stdout.split("Commands:")[1]!.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name!);
    assert.deepEqual(bashOffers("kvasir", "").sort(), [...listed, "--help"].sort());
    assert.deepEqual(bashOffers("kvasir", "st"), ["status"]);
    assert.deepEqual(bashOffers("kvasir", "help", "sy"), ["sync"]);
    assert.deepEqual(bashOffers("kvasir", "nothing"), []);
  });

  it("offers the flags that a command's help has", async () => {
    for (const command of ["put", "list", "sync", "status"]) {
      const { stdout } = await kvasir(["help", command], { cwd });
      const options = stdout.split("Options:")[1]!.split("Examples:")[0]!;
      const listed = [...options.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, name]) => name!);
      assert.ok(listed.length > 3);
      assert.deepEqual(bashOffers("kvasir", command, "--").sort(), listed.sort());
    }
    assert.deepEqual(bashOffers("kvasir", "put", "key", "--if-n"), ["--if-none-match"]);
  });

  it("offers files where a file belongs, also with a space in its name", () => {
    for (const words of [
      ["import"],
      ["get", "key", "-o"],
      ["get", "--output"],
      ["put", "--file"],
      ["serve", "--config"],
    ])
      assert.deepEqual(bashOffers("kvasir", ...words, "files/").sort(), ["files/a b.ndjson", "files/plain.ndjson"]);
  });

  it("offers choices, and nothing where only the user can know", () => {
    assert.deepEqual(bashOffers("kvasir", "completion", ""), ["bash", "zsh", "fish"]);
    assert.deepEqual(bashOffers("kvasir", "partition", "re"), ["replace", "replicas"]);
    assert.deepEqual(bashOffers("kvasir", "partition", "--dry"), ["--dry-run"]);
    assert.deepEqual(bashOffers("kvasir", "put", "--ttl", ""), []);
    assert.deepEqual(bashOffers("kvasir", "status", "--watch", "--j"), ["--json"]);
  });

  it("is what bash calls when Tab is pressed", () => {
    const output = execFileSync("bash", ["--norc", "-c", "source kvasir.bash; complete -p kvasir"], {
      cwd,
      encoding: "utf8",
    });
    assert.equal(output, "complete -F _kvasir kvasir\n");
  });
});

const isMissing = (shell: string) =>
  spawnSync(shell, ["-c", "true"]).error === undefined
    ? false
    : `${shell} is not installed; its script is not run here`;

describe("completion in fish", () => {
  it("offers commands, flags, files and choices", { skip: isMissing("fish") }, () => {
    const offers = (line: string) => {
      const script = 'source kvasir.fish; complete -C "$argv[1]"';
      const output = execFileSync("fish", ["--no-config", "-c", script, line], {
        cwd,
        encoding: "utf8",
        env: { ...process.env, HOME: cwd },
      });
      return output.split("\n").map((each) => each.split("\t")[0]!);
    };
    assert.ok(offers("kvasir ").includes("serve") && offers("kvasir ").includes("completion"));
    assert.ok(offers("kvasir put --if-").includes("--if-none-match"));
    assert.ok(offers("kvasir import files/").includes("files/plain.ndjson"));
    assert.ok(offers("kvasir completion ").includes("zsh"));
    assert.ok(!offers("kvasir get --").includes("--ttl"));
  });
});

describe("completion in zsh", () => {
  it("is a script that zsh takes, with every command and flag", { skip: isMissing("zsh") }, () => {
    // Completion itself needs a terminal; its functions are stood in for, and say what they are asked for.
    const script = `
      compdef() { : }
      _describe() { print -rl -- "\${(@P)2}" }
      _arguments() { print -rl -- "$@" }
      source ./kvasir.zsh
      words=(kvasir $1); CURRENT=2; _kvasir
      words=(kvasir put ''); CURRENT=3; _kvasir`;
    const output = execFileSync("zsh", ["--no-rcs", "-c", script, "zsh", ""], { cwd, encoding: "utf8" });
    assert.match(output, /^export:write all keys and values as NDJSON, one record a line, binary safe$/m);
    assert.match(output, /^\(--file\)--file\[take the value from a file\]:value:_files$/m);
    assert.match(output, /^\(--if-none-match\)--if-none-match\[only if there is no such key\]$/m);
  });
});
