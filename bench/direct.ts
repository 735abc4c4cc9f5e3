import { createPool } from "mysql2/promise";

/**
 * The usual client used directly, without HTTP: one query per key, 64 at a time. Arguments: host, port, user, password,
 * database, keys, seconds. Prints `{"get": n, "put": n}` in operations a second.
 */
const [host, port, user, password, database, keys, seconds] = process.argv.slice(2);
const pool = createPool({
  host: host!,
  port: Number(port),
  user: user!,
  password: password!,
  database: database!,
  connectionLimit: 64,
});
const concurrency = 64;
const keyCount = Number(keys);
const value = Buffer.alloc(128, "x");

await pool.query(
  "CREATE TABLE IF NOT EXISTS direct (k VARBINARY(1024) PRIMARY KEY, v LONGBLOB NOT NULL) ENGINE=InnoDB",
);
for (let start = 0; start < keyCount; start += 500) {
  const rows = Array.from({ length: Math.min(500, keyCount - start) }, (_, index) => [`key${start + index}`, value]);
  await pool.query("REPLACE INTO direct (k, v) VALUES ?", [rows]);
}
const randomKey = () => `key${Math.floor(Math.random() * keyCount)}`;
const get = await measure(() => pool.execute("SELECT v FROM direct WHERE k = ?", [randomKey()]));
const put = await measure(() =>
  pool.execute("INSERT INTO direct (k, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v = VALUES(v)", [randomKey(), value]),
);
process.stdout.write(`${JSON.stringify({ get, put })}\n`);
await pool.end();

async function measure(operation: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  const end = started + Number(seconds) * 1000;
  let count = 0;
  const worker = async () => {
    while (performance.now() < end) {
      await operation();
      count++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return count / ((performance.now() - started) / 1000);
}
