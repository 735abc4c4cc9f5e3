import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./ports.ts";
import { findProgram, requireProgram } from "./programs.ts";

/** The user that every test server has, and its password. */
const user = "kvasir";
const password = "not-a-secret";
const startTimeoutMs = 60_000;

const isRoot = process.getuid?.() === 0;
const owner = isRoot ? ["--user=mysql"] : [];

/** A real server of its own, in a folder of its own, that ends with the test process. */
export interface MariadbServer {
  readonly host: string;
  readonly port: number;
  /** The path of its data folder. */
  readonly data: string;
  /** The path of its Unix socket. */
  readonly socket: string;
  readonly user: string;
  readonly password: string;
  /** The process id of the server that runs, or `undefined`. */
  readonly pid: number | undefined;
  createDatabase(name: string): Promise<void>;
  /** Runs statements as the administrator, past every limit that a test sets for its user. */
  administer(sql: string): Promise<void>;
  /** The names and values that a SHOW statement gives the administrator. */
  show(sql: string): Promise<Map<string, string>>;
  /** Starts it again after `stop` or `kill`, with the same port and data. */
  start(): Promise<void>;
  /** Asks it to shut down and waits. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash. */
  kill(): Promise<void>;
  /** SIGSTOP: it is there but does not answer. */
  pause(): void;
  resume(): void;
  /** Stops it and gives it an empty data folder, as after the loss of a disk. Start it again with `start`. */
  destroyData(): Promise<void>;
}

interface MariadbOptions {
  /** Further server options, such as `--max-allowed-packet=1M`; asked for at each start. */
  readonly args?: readonly string[] | (() => readonly string[]);
  /** A data folder of a server that was stopped, to begin with a copy of. */
  readonly data?: string;
  /** Where the server looks for programs first. */
  readonly programs?: string;
}

/** Starts a server and waits until it answers. */
export async function startMariadb(options: MariadbOptions = {}): Promise<MariadbServer> {
  const server = await createMariadb(options);
  await server.start();
  return server;
}

/** A server that is yet to be started. */
export async function createMariadb(options: MariadbOptions = {}): Promise<MariadbServer> {
  await requireMariadb();
  return new Server(await freePort(), options);
}

/**
 * Makes sure that `mariadbd` is here: with `apt-get` where root may.
 *
 * @throws Error that says what to install.
 */
export async function requireMariadb(): Promise<string> {
  const found = requireProgram("mariadbd", "mariadb-server");
  if ("path" in found) return found.path;
  throw new Error(`these tests need a MariaDB server, 10.5 or newer: ${found.missing}`);
}

class Server implements MariadbServer {
  readonly host = "127.0.0.1";
  readonly user = user;
  readonly password = password;
  readonly port: number;
  readonly #options: MariadbOptions;
  readonly #folder = mkdtempSync(join(base(), "s"));
  #process: ChildProcess | undefined;

  constructor(port: number, options: MariadbOptions) {
    this.port = port;
    this.#options = options;
    this.#fillData();
  }

  get data(): string {
    return join(this.#folder, "data");
  }

  get socket(): string {
    return join(this.data, "sock");
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async start(): Promise<void> {
    if (this.#process !== undefined) return;
    const log = openSync(join(this.#folder, "log"), "a");
    const { programs } = this.#options;
    const env = programs === undefined ? process.env : { ...process.env, PATH: `${programs}:${process.env.PATH}` };
    const child = spawn(await requireMariadb(), this.#serverArgs(), { stdio: ["ignore", log, log], env });
    this.#process = child;
    running.add(child);
    child.once("exit", () => {
      running.delete(child);
      if (this.#process === child) this.#process = undefined;
    });
    const deadline = performance.now() + startTimeoutMs;
    while (!(await this.#answers())) {
      if (this.#process === undefined || performance.now() > deadline) {
        throw new Error(`mariadbd did not start:\n${readFileSync(join(this.#folder, "log"), "utf8").slice(-2000)}`);
      }
      await sleep(20);
    }
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  pause(): void {
    this.#process?.kill("SIGSTOP");
    // The signal is sent at once, and each thread stops when it next gets a processor.
    while (this.#process !== undefined && !isStopped(this.#process.pid)) Atomics.wait(moment, 0, 0, 2);
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  async destroyData(): Promise<void> {
    await this.#end("SIGKILL");
    rmSync(this.data, { recursive: true });
    this.#fillData();
  }

  async createDatabase(name: string): Promise<void> {
    await this.administer(`CREATE DATABASE \`${name}\``);
  }

  async administer(sql: string): Promise<void> {
    await this.#query(sql);
  }

  async show(sql: string): Promise<Map<string, string>> {
    const rows = (await this.#query(sql)) as Record<string, string>[];
    return new Map(rows.map((row) => [row.Variable_name!, row.Value!]));
  }

  // --- Internal helpers ---

  async #query(sql: string): Promise<unknown> {
    const { createConnection } = await import("mariadb");
    const connection = await createConnection({
      socketPath: this.socket,
      user: "root",
      multipleStatements: true,
      connectTimeout: startTimeoutMs,
    });
    try {
      return await connection.query(sql);
    } finally {
      await connection.end();
    }
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const exit = once(child, "exit");
    child.kill(signal);
    child.kill("SIGCONT");
    await exit;
  }

  /** Copying a data folder takes a fraction of the time of making one. */
  #fillData(): void {
    execFileSync("cp", ["-a", "--reflink=auto", this.#options.data ?? template(), this.data]);
    execFileSync("chmod", ["755", this.#folder]);
  }

  async #answers(): Promise<boolean> {
    const socket = connect(this.socket);
    try {
      // The greeting comes when it takes connections.
      await Promise.race([once(socket, "data"), sleep(1000).then(() => Promise.reject())]);
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }

  #serverArgs(): string[] {
    const { args = [] } = this.#options;
    return [
      "--no-defaults",
      ...owner,
      `--datadir=${this.data}`,
      `--tmpdir=${this.data}`,
      `--socket=${this.socket}`,
      `--pid-file=${join(this.data, "pid")}`,
      `--port=${this.port}`,
      "--bind-address=127.0.0.1",
      "--skip-name-resolve",
      "--skip-log-bin",
      "--innodb-flush-log-at-trx-commit=1",
      "--innodb-buffer-pool-size=32M",
      "--innodb-log-file-size=64M",
      "--innodb-fast-shutdown=2",
      "--performance-schema=OFF",
      "--max-connections=200",
      ...(typeof args === "function" ? args() : args),
    ];
  }
}

const moment = new Int32Array(new SharedArrayBuffer(4));

/** Whether all threads of a process are; true as well where /proc does not tell. */
function isStopped(pid: number | undefined): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.every((thread) => /\) [TZX] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")));
  } catch {
    return true;
  }
}

const running = new Set<ChildProcess>();
let folder: string | undefined;
let templateFolder: string | undefined;

/** The folder of this test process. Short, because the path of a Unix socket has at most 107 bytes. */
export function base(): string {
  if (folder !== undefined) return folder;
  const made = mkdtempSync(join(tmpdir(), "kv-"));
  folder = made;
  execFileSync("chmod", ["755", made]);
  process.on("exit", () => {
    for (const child of running) child.kill("SIGKILL");
    rmSync(made, { recursive: true, force: true, maxRetries: 5 });
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  return made;
}

/** A data folder with our user in it, made once a process. */
function template(): string {
  if (templateFolder !== undefined) return templateFolder;
  const data = join(base(), "template");
  mkdirSync(data);
  if (isRoot) execFileSync("chown", ["mysql", data]);
  // A server that starts removes the temporary tables that it finds, also those of another one in the same folder.
  const env = { ...process.env, TMPDIR: data };
  const install = ["--no-defaults", ...owner, `--datadir=${data}`, "--auth-root-authentication-method=normal"];
  execFileSync(findProgram("mariadb-install-db") ?? "mariadb-install-db", [...install, "--skip-test-db"], {
    stdio: "pipe",
    env,
  });
  const grants = [
    "USE mysql;",
    "FLUSH PRIVILEGES;",
    `CREATE USER '${user}'@'%' IDENTIFIED BY '${password}';`,
    `GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX ON *.* TO '${user}'@'%';`,
  ];
  const bootstrap = ["--no-defaults", ...owner, `--datadir=${data}`, "--bootstrap", "--innodb-log-file-size=64M"];
  execFileSync(findProgram("mariadbd")!, bootstrap, {
    input: `${grants.join("\n")}\n`,
    stdio: ["pipe", "ignore", "ignore"],
    env,
  });
  templateFolder = data;
  return data;
}
