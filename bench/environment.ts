import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type MariadbServer, startMariadb } from "../test/support/mariadb.ts";
import { NotInstalled } from "./subject.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const peersFolder = new URL("peers/", import.meta.url).pathname;
const installMs = 300_000;

/** What a run has in common: a folder, database servers, and the peers that are installed. */
export class Environment {
  readonly #folder = mkdtempSync(join(tmpdir(), "kvasir-bench-"));
  readonly #databases: MariadbServer[] = [];
  #databaseCount = 0;
  #peersProblem: string | undefined;
  #hasPeers = false;
  #isBuilt = false;

  constructor() {
    process.on("exit", () => this.#removeFolder());
  }

  /** An empty folder of that name. */
  folder(name: string): string {
    return mkdtempSync(join(this.#folder, `${name}-`));
  }

  /** The first `count` database servers, each with room for a million keys in memory. */
  async databases(count: number): Promise<readonly MariadbServer[]> {
    while (this.#databases.length < count) {
      const args = ["--innodb-buffer-pool-size=768M", "--innodb-log-file-size=256M", "--max-connections=500"];
      this.#databases.push(await startMariadb({ args }));
    }
    return this.#databases.slice(0, count);
  }

  /** A database of its own on each of the first `count` servers; gives its name. */
  async database(count: number): Promise<{ readonly name: string; readonly servers: readonly MariadbServer[] }> {
    const name = `bench_${++this.#databaseCount}`;
    const servers = await this.databases(count);
    for (const server of servers) await server.createDatabase(name);
    return { name, servers };
  }

  /** The path of Kvasir's program as it is published, which is built before the first. */
  program(): string {
    if (!this.#isBuilt) execFileSync("npm", ["run", "-s", "build"], { cwd: root, stdio: "ignore" });
    this.#isBuilt = true;
    return join(root, "dist/cli/main.js");
  }

  /** The path of one of the programs in bench/peers, whose packages are installed before the first. */
  peer(program: string): string {
    if (!this.#hasPeers) this.#installPeers();
    if (this.#peersProblem !== undefined) throw new NotInstalled(this.#peersProblem);
    return join(peersFolder, program);
  }

  async close(): Promise<void> {
    await Promise.all(this.#databases.map((database) => database.kill()));
    this.#removeFolder();
  }

  #removeFolder(): void {
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #installPeers(): void {
    this.#hasPeers = true;
    if (existsSync(join(peersFolder, "node_modules", ".package-lock.json"))) return;
    try {
      const options = ["--ignore-scripts", "--no-audit", "--no-fund"];
      execFileSync("npm", ["ci", ...options], { cwd: peersFolder, stdio: "ignore", timeout: installMs });
    } catch (error) {
      this.#peersProblem = `npm ci in bench/peers failed (${(error as Error).message})`;
    }
  }
}

/**
 * Makes sure that a Debian package's program is here, with apt-get where root may.
 *
 * @throws NotInstalled that says what to install.
 */
export function requireProgram(program: string, debianPackage: string): string {
  const found = locate(program);
  if (found !== undefined) return found;
  if (process.getuid?.() !== 0) throw new NotInstalled(`not installed: apt-get install ${debianPackage}`);
  try {
    // RUNLEVEL keeps the package from starting a service of its own.
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
    const run = (args: string[]) => execFileSync("apt-get", args, { env, stdio: "ignore", timeout: installMs });
    run(["update", "-q"]);
    run(["install", "-qy", "--no-install-recommends", debianPackage]);
  } catch (error) {
    throw new NotInstalled(`apt-get install ${debianPackage} failed (${(error as Error).message})`);
  }
  const installed = locate(program);
  if (installed === undefined) throw new NotInstalled(`the package ${debianPackage} has no ${program}`);
  return installed;
}

function locate(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/bin"];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}
