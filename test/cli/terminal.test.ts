import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import stringWidth from "string-width";
import { progressLine } from "../../src/cli/terminal/progress.ts";
import { cutTo, fittedTable } from "../../src/cli/terminal/table.ts";
import { kvasir, onTerminal, type Server, spawnKvasir, startServer, temporaryFolder } from "./kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
let server: Server;
let env: { readonly [name: string]: string };
before(async () => {
  server = await startServer(cwd);
  env = { KVASIR_URL: server.url };
  for (const key of ["short", `long/${"x".repeat(200)}`]) {
    await fetch(`${server.url}/kv/${key}`, { method: "PUT", body: `value of ${"y".repeat(100)}` });
  }
});
after(async () => {
  await server.stop();
  await folder.remove();
});

/** The screen's lines, without colours and what moves the cursor. */
function linesOf(screen: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return screen.replaceAll(/\x1b\[[?0-9;]*[A-Za-z]/g, "").split(/[\r\n]+/);
}

/** With the escape character as something that can be seen, and be written in a pattern. */
function visible(screen: string): string {
  return screen.replaceAll("\x1b", "␛");
}

describe("a progress", () => {
  const moment = {
    what: "importing",
    unit: "bytes",
    total: 100 * 2 ** 20,
    done: 25 * 2 ** 20,
    elapsedMs: 5000,
  } as const;

  it("says how far it is, how fast, and how long it will take", () => {
    assert.equal(
      progressLine(moment, 100),
      "importing [=======                       ] 25 % of 100.0 MiB, 5.0 MiB/s, 15 s left",
    );
  });

  it("counts the rate from where this run began", () => {
    const line = progressLine({ ...moment, start: 20 * 2 ** 20 }, 100);
    assert.match(line, /25 % of 100\.0 MiB, 1\.0 MiB\/s, 1 min 15 s left$/);
  });

  it("says how many and how fast where the end is not known, or was only estimated", () => {
    const records = { what: "exporting", unit: "records", done: 500, elapsedMs: 2000 } as const;
    assert.equal(progressLine({ ...records, total: undefined }, 80), "exporting 500 records, 250 records/s, 2 s");
    assert.equal(progressLine({ ...records, total: 400 }, 80), "exporting 500 records, 250 records/s, 2 s");
  });

  it("fits into any width, and gives no nonsense at the beginning or the end", () => {
    for (const columns of [20, 40, 60, 200]) assert.ok(progressLine(moment, columns).length < columns);
    assert.match(progressLine({ ...moment, done: 0, elapsedMs: 0 }, 80), /\] 0 % of 100\.0 MiB$/);
    assert.match(progressLine({ ...moment, total: 0, done: 0 }, 80), /\[=+\] 100 % of 0\.0 MiB$/);
  });
});

describe("a table", () => {
  const rows = [
    ["name", "of a thing", "a long text that says a lot about it"],
    ["漢字漢字", "👍🏽", "e\u0301".repeat(30)],
  ];

  it("is as wide as its cells where there is room", () => {
    assert.equal(fittedTable(rows, Number.POSITIVE_INFINITY)[0], rows[0]!.join("  ").replace("name", "name    "));
  });

  it("takes from the widest column, and says where something is cut", () => {
    const lines = fittedTable(rows, 40);
    for (const line of lines) assert.ok(stringWidth(line) <= 40, line);
    assert.match(lines[0]!, /^name {6}of a thing {2}a long text that …$/);
    assert.match(lines[1]!, /^漢字漢字 /);
  });

  it("never cuts a character in two", () => {
    assert.equal(cutTo("漢字", 3), "漢…");
    assert.equal(cutTo("👍🏽👍🏽", 3), "👍🏽…");
    assert.equal(cutTo("e\u0301e\u0301", 1), "…");
  });
});

describe("on a terminal", () => {
  it("status and list fit its width", async () => {
    for (const command of ["kvasir status", "kvasir list --long", "kvasir list --values"]) {
      const { code, screen } = await onTerminal(command, { cwd, env, columns: 50 });
      assert.equal(code, 0, screen);
      assert.match(screen, /…/);
      for (const line of linesOf(screen)) assert.ok(stringWidth(line) <= 50, line);
    }
  });

  it("a list of keys alone is whole, to be copied", async () => {
    const { screen } = await onTerminal("kvasir list", { cwd, env, columns: 50 });
    assert.match(screen, /long\/x{200}\r\n/);
  });

  it("there are colours, but not with NO_COLOR", async () => {
    for (const command of ["kvasir status", "kvasir --help"]) {
      const { screen } = await onTerminal(command, { cwd, env });
      assert.ok(screen.includes("\x1b["), screen);
      const plain = await onTerminal(command, { cwd, env: { ...env, NO_COLOR: "1" } });
      assert.ok(!plain.screen.includes("\x1b["), plain.screen);
    }
  });

  it("export, import, sync and check show their progress and clear it away", async () => {
    await onTerminal("kvasir export -o all.ndjson", { cwd, env }).then(({ screen }) => {
      assert.match(visible(screen), /\rexporting .*\r␛\[Kexported 2\r\n$/s);
    });
    await onTerminal("kvasir import all.ndjson", { cwd, env, columns: 100 }).then(({ screen }) => {
      assert.match(visible(screen), /\rimporting \[.*\r␛\[Kimported 2\r\n$/s);
    });
    await onTerminal("kvasir sync --data other", { cwd }).then(({ screen }) => {
      assert.match(visible(screen), /\rsynchronising \[.*\r␛\[K0 delivered.*\r\n$/s);
    });
    await onTerminal("kvasir check --data other", { cwd }).then(({ screen }) => {
      assert.match(visible(screen), /\rchecking \[.*\r␛\[K0 records.*\r\n$/s);
    });
  });

  it("an export to the terminal itself has no progress in between", async () => {
    const { screen } = await onTerminal("kvasir export", { cwd, env });
    assert.doesNotMatch(screen, /exporting/);
  });

  it("Ctrl-C ends an import while its progress is shown", async () => {
    // A pipe that gives nothing: the end is not known, and does not come.
    const line = "mkfifo pipe; exec 3<>pipe; kvasir import pipe";
    const { code, screen } = await onTerminal(line, { cwd, env, until: /importing/, input: "\x03" });
    assert.notEqual(code, 0);
    assert.match(screen, /importing/);
  });
});

describe("elsewhere", () => {
  it("there are no colours, and nothing is cut", async () => {
    const status = await kvasir(["status"], { cwd, env });
    assert.equal(status.stdout.includes("\x1b"), false);
    assert.doesNotMatch(status.stdout, /…/);
    const { stdout } = await kvasir(["list", "--long", "--values"], { cwd, env });
    const [first] = stdout.split("\n");
    const [key, size, modified, type, expires, value] = first!.split("\t");
    assert.deepEqual([key, size, type, expires], [`long/${"x".repeat(200)}`, "109", "text/plain;charset=UTF-8", ""]);
    assert.match(modified!, /^\d{4}-\d\d-\d\dT/);
    assert.equal(value, `value of ${"y".repeat(100)}`);
  });
});

describe("kvasir status --watch", () => {
  it("draws over a screen of its own until Ctrl-C, and gives the old one back", async () => {
    const options = { cwd, env, until: /(steady.*){2}/s, input: "\x03" };
    const { code, screen } = await onTerminal("exec kvasir status --watch=0.1", options);
    assert.equal(code, 0);
    assert.match(visible(screen), /^␛\[\?1049h␛\[\?25l␛\[H/);
    assert.match(visible(screen), /␛\[J␛\[H/);
    assert.match(visible(screen), /␛\[\?25h␛\[\?1049l$/);
  });

  it("prints a block an interval where there is no terminal, and ends with its reader", async () => {
    const child = spawnKvasir(["status", "--watch=0.1"], { cwd, env });
    const ended = once(child, "exit");
    let text = "";
    for await (const chunk of child.stdout!.setEncoding("utf8")) {
      text += chunk;
      // Leaving the loop closes the pipe.
      if (text.split("\n\nhttp").length > 2) break;
    }
    assert.deepEqual(await ended, [0, null]);
    assert.equal(text.includes("\x1b"), false);
    assert.equal(text.match(/^state +ready$/gm)!.length >= 2, true);
  });

  it("prints JSON lines with --json, and ends with exit code 0 on SIGTERM", async () => {
    const child = spawnKvasir(["status", "--watch=0.1", "--json"], { cwd, env });
    const [chunk] = (await once(child.stdout!.setEncoding("utf8"), "data")) as [string];
    assert.equal((JSON.parse(chunk.split("\n")[0]!) as { ready: boolean }).ready, true);
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  it("goes on while the server does not answer, and says so", async () => {
    const child = spawnKvasir(["status", "--watch=0.1", "--url", "http://127.0.0.1:9"], { cwd });
    let text = "";
    for await (const chunk of child.stdout!.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
      text += chunk;
      if (text.match(/does not answer/g)?.length === 2) break;
    }
    child.kill("SIGINT");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  it("refuses an interval that is none", async () => {
    const { code, stderr } = await kvasir(["status", "--watch=soon"], { cwd, env });
    assert.deepEqual([code, stderr], [2, 'kvasir: --watch: expected seconds from 0.1 to 3600, got "soon"\n']);
  });
});
