import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { kvasir, startServer, temporaryFolder } from "../cli/kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
after(() => folder.remove());

/** Planted one in each place where a secret may be given. */
const planted = {
  inUrl: "planted-in-url-7Qz",
  inFile: "planted-in-file-8Rw",
  inPasswordFile: "planted-in-password-file-3Lm",
  inEnvironment: "planted-in-environment-5Tk",
  inHeader: `kvs_${"H".repeat(43)}`,
  inTarget: `kvs_${"T".repeat(43)}`,
  inCookie: "planted-in-cookie-2Wq",
};

function assertNone(text: string, place: string): void {
  for (const [name, secret] of Object.entries(planted)) {
    assert.ok(!text.includes(secret), `${place} shows the secret ${name}`);
    assert.ok(!text.includes(Buffer.from(secret).toString("base64").slice(0, -4)), `${place} shows ${name} in base64`);
    assert.ok(!text.includes(encodeURIComponent(secret).slice(0, 40)), `${place} shows ${name} encoded`);
  }
}

/** A database that refuses everybody, and so is complained about. */
async function refusingPort(): Promise<{ port: number; close(): void }> {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return { port, close: () => void server.close() };
}

describe("secrets", () => {
  it("show up nowhere: not in logs, answers, metrics, messages or the list of processes", async () => {
    const refusing = await refusingPort();
    writeFileSync(join(cwd, "password"), `${planted.inPasswordFile}\n`);
    const mysql = (number: number, user: string, more = "") =>
      `[partition-${number}]\nurl = "mysql://${user}@127.0.0.1:${refusing.port}/kvasir${number}"\n${more}`;
    const single = `[partition-1]\nurl = "sqlite:./one.db"\n`;
    writeFileSync(join(cwd, "kvasir.toml"), `partitions = 1\n${single}`);
    assert.equal((await kvasir(["init"], { cwd })).code, 0);
    const sections = [
      single,
      mysql(2, `u:${planted.inUrl}`),
      mysql(3, "u", `password = "${planted.inFile}"\n`),
      mysql(4, "u", 'password_file = "password"\n'),
      mysql(5, "u", 'password_env = "PLANTED"\n'),
    ];
    writeFileSync(join(cwd, "kvasir.toml"), `partitions = 5\n${sections.join("")}[timeouts]\nconnect = "500ms"\n`);
    const env = { PLANTED: planted.inEnvironment, KVASIR_DEBUG: "1" };
    const create = await kvasir(["token", "create", "--name", "all", "--allow", "read,write,admin"], { cwd, env });
    const token = create.stdout.trim();
    assert.match(token, /^kvs_/, create.stderr);
    assertNone(create.stderr, "token create");
    const server = await startServer(cwd, ["--server-log-requests"], env);
    const texts = new Map<string, string>();
    const ask = async (path: string, init: RequestInit = {}) => {
      const headers = { Authorization: `Bearer ${token}`, Cookie: planted.inCookie, ...init.headers };
      const response = await fetch(server.url + path, { ...init, headers });
      texts.set(`${init.method ?? "GET"} ${path}`, JSON.stringify([...response.headers]) + (await response.text()));
    };
    for (const path of ["/status", "/metrics", "/readyz", "/healthz", "/openapi.json", "/kv", "/kv/a", "/replicas/a"]) {
      for (const format of ["json", "xml", "html", "txt"])
        await ask(path, { headers: { Accept: `*/*;q=0.1` } }).then(() => ask(`${path}?format=${format}`));
    }
    await ask("/kv/a", { method: "PUT", body: "x" });
    await ask("/kv/a?w=all", { method: "PUT", body: "x" });
    const wrong = { Authorization: `Bearer ${planted.inHeader}` };
    for (const path of ["/kv/a", "/status", "/none"]) await ask(path, { headers: wrong });
    const basic = { Authorization: `Basic ${btoa(`u:${planted.inHeader}`)}` };
    await ask("/kv/a", { headers: basic });
    await ask(`/kv/a?token=${planted.inTarget}`);
    await ask(`/kv/a?w=all&token=${planted.inTarget}`, { method: "PUT", body: "x", headers: wrong });
    const { pid } = server.child;
    for (const file of ["cmdline", "comm"]) {
      if (existsSync(`/proc/${pid}/${file}`))
        texts.set(`the process's ${file}`, readFileSync(`/proc/${pid}/${file}`, "utf8"));
    }
    const commands = [
      ["status"],
      ["get", "a"],
      ["token", "list"],
      ["token", "list", "--json"],
      ["sync", "--json"],
      ["check"],
    ];
    for (const args of commands) {
      const more = { ...env, KVASIR_TOKEN: token };
      const { stdout, stderr } = await kvasir(
        [...args, ...(args.length === 1 && args[0] === "status" ? ["--url", server.url] : [])],
        { cwd, env: more },
      );
      texts.set(args.join(" "), stdout + stderr);
    }
    await server.stop();
    texts.set("the log", server.log());
    refusing.close();
    for (const [place, text] of texts) {
      assertNone(text, place);
      assert.ok(!text.includes(token), `${place} shows the token that is in use`);
    }
    assert.match(server.log(), /partition is away/, "the databases were complained about");
  });

  it("are not repeated in messages about what is wrong with them", async () => {
    const secret = planted.inFile;
    const files = [
      `partitions = 1\n[partition-1]\nurl = "mysql://u:${secret}@h/d/x"\n`,
      `partitions = 1\n[partition-1]\nurl = "mysql//u:${secret}@h/d"\n`,
      `partitions = 1\n[partition-1]\nurl = "mysql://u:${secret}@h:99999/d"\n`,
      `partitions = 1\n[partition-1]\nurl = "mysql://u@h/d"\npassword = ["${secret}"]\n`,
      `partitions = 1\n[partition-1]\nurl = "mysql://u@h/d"\npassword = "${secret}\n`,
      `partitions = 1\n[partition-1]\nurl = "mysql://u@h/d"\npassword = "${secret}"\npassword_env = "X"\n`,
    ];
    for (const [index, text] of files.entries()) {
      const file = join(cwd, `wrong-${index}.toml`);
      writeFileSync(file, text);
      const { code, stdout, stderr } = await kvasir(["serve", "--config", file, "--port", "0"], {
        cwd,
        env: { KVASIR_DEBUG: "1" },
      });
      assert.equal(code, 2, text);
      assertNone(stdout + stderr, text.replace(secret, "SECRET"));
    }
  });
});
