import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startServer } from "../src/cli/serve-one.ts";
import { startProgress } from "../src/cli/terminal/progress.ts";
import { loadConfig } from "../src/config.ts";
import { createLogger } from "../src/log.ts";

/**
 * `npm run demo`: loads this machine's Debian package index over HTTP, one key a package, and shows the store at
 * work on it. Three SQLite partitions in a temporary folder, or `npm run demo -- --config FILE` for others.
 */

const batchLength = 500;
const batchesInFlight = 4;

type Fields = { [name: string]: string };

const { values: flags } = parseArgs({ options: { config: { type: "string" } } });
const folder = flags.config === undefined ? mkdtempSync(join(tmpdir(), "kvasir-demo-")) : undefined;
const config = loadConfig({
  file: flags.config,
  env: process.env,
  flags: { "server.port": "0", ...(folder && { partitions: "3", data: folder }) },
  cwd: process.cwd(),
});
const server = await startServer(config, createLogger(), () => config);
const base = `http://${server.host}:${server.port}`;
try {
  await load();
  await show();
} finally {
  await server.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true });
}

async function load(): Promise<void> {
  const packages = await availablePackages();
  if (packages.length === 0) throw new Error("apt knows of no packages; run `apt-get update` first");
  const progress = startProgress({ what: "loading", unit: "records", total: packages.length });
  const started = performance.now();
  let next = 0;
  let stored = 0;
  const sender = async () => {
    while (next < packages.length) {
      const batch = packages.slice(next, next + batchLength);
      next += batch.length;
      await put(batch);
      stored += batch.length;
      progress.update(stored);
    }
  };
  await Promise.all(Array.from({ length: batchesInFlight }, sender));
  progress.stop();
  const seconds = (performance.now() - started) / 1000;
  const names = config.partitions.map(({ name }) => name).join(", ");
  const rate = Math.round(packages.length / seconds);
  say(`${packages.length} packages in ${seconds.toFixed(1)} s (${rate} a second) into ${names}\n`);
}

async function put(packages: Fields[]): Promise<void> {
  const operations = packages.map((fields) => ({ op: "put", key: `debian/pool/${fields.Package}`, value: fields }));
  const response = await fetch(`${base}/batch`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(operations),
  });
  const { results } = (await response.json()) as { results: { status: number }[] };
  const failed = results.find(({ status }) => status >= 300);
  if (failed !== undefined) throw new Error(`a put was answered ${JSON.stringify(failed)}`);
}

async function show(): Promise<void> {
  await curl("/kv?prefix=debian/pool/mariadb-s&limit=5");
  await curl("/kv?prefix=debian/pool/lib&delimiter=-&limit=3");
  const key = "/kv/debian/pool/sqlite3";
  for (const type of ["application/json", "application/xml", "text/html", "text/plain"]) {
    await curl(key, "-H", `Accept: ${type}`);
  }
  const etag = (await fetch(`${base}${key}`, { method: "HEAD" })).headers.get("etag") ?? "";
  const patch = ["-X", "PATCH", "-H", "Content-Type: application/merge-patch+json", "-d", '{"Priority":"required"}'];
  await curl(key, ...patch, "-H", `If-Match: ${etag}`, "-i");
  await curl(key, ...patch, "-H", `If-Match: ${etag}`, "-i");
  await curl(key, "-X", "DELETE", "-i");
  await curl(key, "-H", "Accept: text/plain");
  await curl("/status", "-H", "Accept: text/plain");
}

/** Shows the command as one would type it, and what it answers. */
async function curl(path: string, ...options: string[]): Promise<void> {
  const shown = options.map((option) => (/^[-A-Za-z]+$/.test(option) ? option : `'${option}'`));
  say(`$ curl ${[...shown, `'${base}${path}'`].join(" ")}`);
  const child = spawn("curl", ["-s", ...options, `${base}${path}`], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  for await (const chunk of child.stdout) output += chunk;
  say(`${output.length > 1500 ? `${output.slice(0, 1500)}…` : output.trimEnd()}\n`);
}

/** The fields of every package that apt knows of. */
async function availablePackages(): Promise<Fields[]> {
  const apt = spawn("apt-cache", ["dumpavail"], { stdio: ["ignore", "pipe", "inherit"] });
  const packages: Fields[] = [];
  let fields: Fields = {};
  let last = "";
  for await (const line of createInterface({ input: apt.stdout })) {
    if (line === "") {
      if (fields.Package !== undefined) packages.push(fields);
      fields = {};
    } else if (line.startsWith(" ")) {
      fields[last] += `\n${line.trim()}`;
    } else {
      const colon = line.indexOf(":");
      last = line.slice(0, colon);
      fields[last] = line.slice(colon + 1).trim();
    }
  }
  return packages;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
