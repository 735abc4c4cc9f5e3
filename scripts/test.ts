import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { requireChromium } from "../test/support/chromium.ts";
import { requireMariadb } from "../test/support/mariadb.ts";

/**
 * `npm test`: every test, in test mode, with real MariaDB servers and a real browser, which are installed first
 * where they are missing. Arguments are files to run instead, or options of `node --test`.
 */
const given = process.argv.slice(2);
const files = given.filter((argument) => !argument.startsWith("-"));
const options = given.filter((argument) => argument.startsWith("-"));
await requireMariadb();
requireChromium();
const tests = files.length > 0 ? files : globSync("test/**/*.test.ts").sort();
// Many files mostly wait: for servers that start, for faults that are to show.
const filesAtOnce = availableParallelism() + 1;
// Whatever a failed test has left open must not keep the run from ending.
const runner = ["--test", "--test-timeout=120000", "--test-force-exit", `--test-concurrency=${filesAtOnce}`];
const child = spawn(process.execPath, [...runner, ...options, ...tests], {
  stdio: "inherit",
  env: { ...process.env, KVASIR_ENV: "test" },
});
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
