import cluster, { type Address, type Worker } from "node:cluster";
import type { Config } from "../config.ts";
import type { Logger } from "../log.ts";
import { exitCodes } from "./failure.ts";

/** A worker that lived at least so long was well, so that the next one starts without delay. */
const wellAfterMs = 10_000;
const restartDelayMinMs = 100;
const restartDelayMaxMs = 10_000;

/**
 * Runs the configured number of worker processes, which share the port, and replaces those that die. The first
 * one starts alone: a mistake of set-up is then reported once, and the tables are created by one.
 * Gives the exit code, once all workers have ended after a signal or the first could not start.
 */
export function superviseWorkers(
  config: Config,
  logger: Logger,
  announce: (host: string, port: number) => void,
): Promise<number> {
  let isListening = false;
  let isStopping = false;
  let exitCode: number = exitCodes.done;
  let restartDelayMs = restartDelayMinMs;
  const startedAt = new Map<number, number>();

  const start = () => {
    if (!isStopping) startedAt.set(cluster.fork().id, performance.now());
  };

  const onListening = (_worker: Worker, address: Address) => {
    if (isListening) return;
    isListening = true;
    for (let count = 1; count < config.server.workers; count++) start();
    announce(config.server.host, address.port);
  };

  const replace = (worker: Worker, how: { code: number; signal: string }) => {
    const livedMs = performance.now() - startedAt.get(worker.id)!;
    restartDelayMs = livedMs > wellAfterMs ? restartDelayMinMs : Math.min(restartDelayMs * 2, restartDelayMaxMs);
    logger.error({ worker: worker.process.pid, ...how, restartDelayMs }, "a worker died; another one starts");
    setTimeout(start, restartDelayMs);
  };

  const stop = (signal: NodeJS.Signals) => {
    // A second signal means now.
    for (const worker of workers()) worker.process.kill(isStopping ? "SIGKILL" : signal);
    isStopping = true;
    if (workers().length === 0) process.exit(exitCode);
  };

  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop(signal));
  cluster.on("listening", onListening);
  start();
  return new Promise((resolve) => {
    cluster.on("exit", (worker, code, signal) => {
      // A worker that has only just started does not catch the signal yet, and has nothing to finish.
      const hasEndedWell = code === 0 || (isStopping && signal !== null && signal !== "SIGKILL");
      if (!isStopping && isListening) replace(worker, { code, signal });
      else if (!hasEndedWell) exitCode = isListening ? exitCodes.notAllDone : code || exitCodes.notAllDone;
      startedAt.delete(worker.id);
      if (workers().length === 0 && (isStopping || !isListening)) resolve(exitCode);
    });
  });
}

function workers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}
