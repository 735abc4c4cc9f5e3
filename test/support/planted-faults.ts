/**
 * Loaded into a real server with `NODE_OPTIONS=--import`, so that it has faults which its own code is not known to have:
 * SIGUSR2 lets a promise be rejected that nobody waits for, SIGWINCH lets an exception reach the event loop, and a
 * worker dies before it listens while the file `FAULTS_AT_START` is there.
 */
import cluster from "node:cluster";
import { existsSync } from "node:fs";

process.on("SIGUSR2", () => {
  void Promise.reject(new Error("a planted rejection"));
});
process.on("SIGWINCH", () => {
  setImmediate(() => {
    throw new Error("a planted exception");
  });
});
if (cluster.isWorker && existsSync(process.env.FAULTS_AT_START ?? "")) process.exit(7);
