import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { freePort } from "../../test/support/ports.ts";
import { requireProgram } from "../environment.ts";
import { cpuSeconds, startAt } from "../processes.ts";
import type { Contender, Load, LoadSpec } from "../subject.ts";

/** What is measured without HTTP, by a client of its own. */

const run = promisify(execFile);

/** redis-benchmark takes a number of requests, not a time: this many a second, which it about reaches. */
const redisRequestsPerSecond = 80_000;

export const redis: Contender = {
  name: "redis natively (redis-benchmark)",
  isDurable: false,
  start: async (environment) => {
    const [program, benchmark] = ["redis-server", "redis-benchmark"].map((name) =>
      requireProgram(name, "redis-server"),
    );
    const port = String(await freePort());
    const args = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    const server = await startAt(program!, args, environment.folder("redis"), `tcp://127.0.0.1:${port}`);
    const measure = async ({ operation, keys, bytes, connections }: LoadSpec, seconds: number): Promise<Load> => {
      const requests = Math.round(redisRequestsPerSecond * seconds);
      const before = cpuSeconds([server.pid]);
      const numbers = { p: port, c: connections, n: requests, r: keys, d: bytes };
      const options = Object.entries(numbers).flatMap(([name, value]) => [`-${name}`, String(value)]);
      const test = operation === "get" ? "get" : "set";
      const { stdout } = await run(benchmark!, [...options, "-t", test, "--csv"]);
      const [name, rate, , , p50, , p99] = stdout.trim().split("\n").at(-1)!.replaceAll('"', "").split(",");
      if (name !== test.toUpperCase()) throw new Error(`redis-benchmark: ${stdout}`);
      return {
        requestsPerSecond: Number(rate),
        p50Ms: Number(p50),
        p99Ms: Number(p99),
        failures: 0,
        cpuMicroseconds: ((cpuSeconds([server.pid]) - before) / requests) * 1e6,
      };
    };
    return {
      fill: async (spec) => void (await measure({ ...spec, operation: "put" }, 2)),
      load: measure,
      settle: async () => undefined,
      stop: () => server.stop(),
    };
  },
};

export const mysql2 = direct("mysql2");
export const mariadb = direct("mariadb");

interface DirectResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly clientCpuSeconds: number;
  readonly databaseCpuSeconds: number;
}

/** One statement per key through a usual client. Its CPU is that of the client, which loads and measures as well. */
function direct(driver: "mysql2" | "mariadb"): Contender {
  return {
    name: `${driver} directly, one statement a key`,
    isDurable: true,
    start: async (environment) => {
      const program = environment.peer("direct.mjs");
      const { name: database, servers } = await environment.database(1);
      const { host, port, user, password, pid } = servers[0]!;
      const measure = async ({ operation, keys, bytes, connections }: LoadSpec, seconds: number): Promise<Load> => {
        const server = { host, port, user, password, pid };
        const task = { driver, operation, server, database, keys, bytes, connections, seconds };
        const { stdout } = await run(process.execPath, [program, JSON.stringify(task)]);
        const { requests, clientCpuSeconds, databaseCpuSeconds, ...result } = JSON.parse(stdout) as DirectResult;
        return {
          ...result,
          failures: 0,
          cpuMicroseconds: (clientCpuSeconds / requests) * 1e6,
          databaseCpuMicroseconds: (databaseCpuSeconds / requests) * 1e6,
        };
      };
      return {
        // It fills its table by itself.
        fill: async (spec) => void (await measure({ ...spec, operation: "get" }, 0.1)),
        load: measure,
        settle: async () => undefined,
        stop: async () => undefined,
      };
    },
  };
}
