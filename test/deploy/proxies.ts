import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { accepts, freePort } from "../support/ports.ts";

/** A reverse proxy that `deploy/` has a sample for. */
export interface ProxyKind {
  readonly name: string;
  readonly program: string;
  readonly debianPackage: string;
  readonly sample: string;
  /** How the sample says where it listens, and what it says when it listens at `port` of this machine. */
  readonly listening: readonly [shown: string, changed: (port: number) => string];
  /** What the sample stands in, besides it: as Debian has it, with all that it writes in `folder`. */
  surroundings(folder: string, port: number): string;
  args(file: string): string[];
}

const isRoot = process.getuid?.() === 0;

export const proxyKinds: readonly ProxyKind[] = [
  {
    name: "nginx",
    program: "nginx",
    debianPackage: "nginx-light",
    sample: "deploy/nginx.conf",
    listening: ["listen 80;", (port) => `listen 127.0.0.1:${port};`],
    surroundings: (folder) => `${isRoot ? "user root;" : ""}
daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1;
events { worker_connections 256; }
http {
  access_log off; gzip on; gzip_proxied any; gzip_min_length 1; gzip_types *;
${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `  ${name}_temp_path ${folder}/${name};`).join("\n")}
  include ${folder}/sample;
}`,
    args: (file) => ["-c", file, "-e", "stderr"],
  },
  {
    name: "HAProxy",
    program: "haproxy",
    debianPackage: "haproxy",
    sample: "deploy/haproxy.cfg",
    listening: ["bind :80", (port) => `bind 127.0.0.1:${port}`],
    surroundings: () => "global\n    maxconn 256\n",
    args: (file) => ["-db", "-f", file, "-f", join(file, "..", "sample")],
  },
  {
    name: "Apache httpd",
    program: "apache2",
    debianPackage: "apache2",
    sample: "deploy/apache.conf",
    listening: ["<VirtualHost *:80>", (port) => `<VirtualHost 127.0.0.1:${port}>`],
    surroundings: (folder, port) => `ServerRoot ${folder}
ServerName localhost
PidFile ${folder}/pid
Mutex file:${folder} default
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/logs/error
Listen 127.0.0.1:${port}
User www-data
Group www-data
${["mpm_event", "authz_core", "env", "filter", "deflate", "proxy", "proxy_http"]
  .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
  .join("\n")}
AddOutputFilterByType DEFLATE text/html text/plain text/xml application/json application/x-ndjson
Include ${folder}/sample`,
    args: (file) => ["-f", file, "-DFOREGROUND"],
  },
  {
    name: "lighttpd",
    program: "lighttpd",
    debianPackage: "lighttpd",
    sample: "deploy/lighttpd.conf",
    // Where it listens is said in the surroundings.
    listening: ["server.modules", () => "server.modules"],
    surroundings: (folder, port) => `server.modules = ( "mod_indexfile", "mod_access", "mod_alias", "mod_redirect" )
server.document-root = "${folder}"
server.bind = "127.0.0.1"
server.port = ${port}
server.upload-dirs = ( "${folder}" )
server.http-parseopts = (
  "header-strict" => "enable", "host-strict" => "enable", "host-normalize" => "enable",
  "url-normalize-unreserved" => "enable", "url-normalize-required" => "enable", "url-ctrls-reject" => "enable",
  "url-path-2f-decode" => "enable", "url-path-dotseg-remove" => "enable"
)
include "${folder}/sample"`,
    args: (file) => ["-D", "-f", file],
  },
];

export interface RunningProxy {
  readonly port: number;
  stop(): Promise<void>;
}

const startTimeoutMs = 30_000;

/** Starts a proxy before the server at `target`, with its sample configuration, in a folder of its own. */
export async function startProxy(kind: ProxyKind, path: string, target: number): Promise<RunningProxy> {
  const folder = mkdtempSync(join(tmpdir(), "kvasir-proxy-"));
  mkdirSync(join(folder, "logs"));
  const port = await freePort();
  const [shown, changed] = kind.listening;
  const sample = readFileSync(kind.sample, "utf8");
  const places = [shown, "7070"].map((text) => sample.includes(text));
  if (places.includes(false)) throw new Error(`${kind.sample} does not say where it listens, or where Kvasir does`);
  writeFileSync(join(folder, "sample"), sample.replace(shown, changed(port)).replace(/\b7070\b/, String(target)));
  const file = join(folder, "main");
  writeFileSync(file, `${kind.surroundings(folder, port)}\n`);
  const child = spawn(path, kind.args(file), { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  const stop = () => end(child).finally(() => rmSync(folder, { recursive: true, force: true }));
  const deadline = performance.now() + startTimeoutMs;
  while (!(await accepts("127.0.0.1", port))) {
    if (child.exitCode === null && performance.now() < deadline) {
      await sleep(20);
      continue;
    }
    await stop();
    throw new Error(`${kind.name} did not start: ${output}`);
  }
  return { port, stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}
