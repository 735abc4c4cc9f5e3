import { readFileSync } from "node:fs";
import { createHistogram } from "node:perf_hooks";

/**
 * A usual client used directly, without HTTP: one statement per key. One argument, JSON: `driver` (`mysql2` or
 * `mariadb`), `operation` (`get` or `put`), `server` (also its `pid`), `database`, `keys`, `bytes`, `connections`, `seconds`. Prints what
 * it measured as JSON.
 */
const { driver, operation, server, database, keys, bytes, connections, seconds } = JSON.parse(process.argv[2]);
const { createPool } = driver === "mysql2" ? await import("mysql2/promise") : await import("mariadb");
const { host, port, user, password } = server;
const pool = createPool({ host, port, user, password, database, connectionLimit: connections });
const value = Buffer.alloc(bytes, "x");
const keyOf = (number) => `key${String(number).padStart(9, "0")}`;

await pool.query("CREATE TABLE IF NOT EXISTS direct (k VARBINARY(1024) PRIMARY KEY, v LONGBLOB NOT NULL)");
const [first] = await pool.query("SELECT COUNT(*) AS count FROM direct");
if (Number((first.count === undefined ? first[0] : first).count) < keys) await fill();

const statements = {
  get: () => pool.execute("SELECT v FROM direct WHERE k = ?", [randomKey()]),
  put: () =>
    pool.execute("INSERT INTO direct (k, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v = VALUES(v)", [randomKey(), value]),
};
await run(statements[operation], 500);
process.stdout.write(`${JSON.stringify(await run(statements[operation], seconds * 1000))}\n`);
await pool.end();

function randomKey() {
  return keyOf(Math.floor(Math.random() * keys));
}

async function fill() {
  for (let start = 0; start < keys; start += 500) {
    const rows = Array.from({ length: Math.min(500, keys - start) }, (_, index) => [keyOf(start + index), value]);
    const places = rows.map(() => "(?, ?)").join(", ");
    await pool.query(`REPLACE INTO direct (k, v) VALUES ${places}`, rows.flat());
  }
}

async function run(operation, ms) {
  const latency = createHistogram();
  const cpuBefore = process.cpuUsage();
  const databaseBefore = databaseCpuSeconds();
  const started = performance.now();
  const worker = async () => {
    let last = performance.now();
    while (last - started < ms) {
      await operation();
      const now = performance.now();
      latency.record(Math.max(1, Math.round((now - last) * 1000)));
      last = now;
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const tookMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    requests: latency.count,
    requestsPerSecond: latency.count / (tookMs / 1000),
    p50Ms: latency.percentile(50) / 1000,
    p99Ms: latency.percentile(99) / 1000,
    clientCpuSeconds: (user + system) / 1e6,
    databaseCpuSeconds: databaseCpuSeconds() - databaseBefore,
  };
}

/** Fields 14 and 15 of proc(5), in ticks of 10 ms. */
function databaseCpuSeconds() {
  const fields = readFileSync(`/proc/${server.pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
