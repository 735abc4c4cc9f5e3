import cluster, { type Address, type Worker } from "node:cluster";
import type { Config } from "../config.ts";
import type { Logger } from "../log.ts";
import { exitCodes } from "./failure.ts";

/** A worker that lived at least so long was well, so that the next one starts without delay. */
const wellAfterMs = 10_000;
const restartDelayMinMs = 100;
const restartDelayMaxMs = 10_000;
/** So many that died before they listened, one after the other and with none left that does, end the whole. */
const failedStartsMax = 5;
/** How long workers may take to end beyond what their settings give them; one that hangs is killed then. */
const endGraceMs = 4000;

/**
 * Runs the configured number of worker processes, which share the port, and replaces those that die. The first
 * one starts alone: a mistake of set-up is then reported once, and the tables are created by one.
 * Gives the exit code, once all workers have ended: after a signal or a fault, or when none can start.
 */
export function superviseWorkers(
  config: Config,
  logger: Logger,
  announce: (host: string, port: number) => void,
): Promise<number> {
  let hasListened = false;
  let isStopping = false;
  let exitCode: number = exitCodes.done;
  let restartDelayMs = restartDelayMinMs;
  let failedStarts = 0;
  const alive = new Map<Worker, { readonly since: number }>();
  const listening = new Set<number>();
  const restarts = new Set<NodeJS.Timeout>();
  let onExit: (worker: Worker, code: number, signal: string) => void;

  const start = () => {
    const worker = cluster.fork();
    alive.set(worker, { since: performance.now() });
    worker.on("error", (error) => {
      logger.warn({ err: error, worker: worker.process.pid }, "a worker has a problem");
      // The system had no room for it: there is no exit of what never was.
      if (worker.process.pid === undefined) onExit(worker, exitCodes.notAllDone, "");
    });
  };

  const onListening = (worker: Worker, address: Address) => {
    listening.add(worker.id);
    if (hasListened) return;
    hasListened = true;
    for (let count = 1; count < config.server.workers; count++) start();
    announce(config.server.host, address.port);
  };

  const replace = (livedMs: number, how: { worker: number | undefined; code: number; signal: string }) => {
    restartDelayMs = livedMs > wellAfterMs ? restartDelayMinMs : Math.min(restartDelayMs * 2, restartDelayMaxMs);
    logger.error({ ...how, restartDelayMs }, "a worker died; another one starts");
    const restart = setTimeout(() => {
      restarts.delete(restart);
      start();
    }, restartDelayMs);
    restarts.add(restart);
  };

  return new Promise((resolve) => {
    const end = (signal: NodeJS.Signals) => {
      for (const restart of restarts) clearTimeout(restart);
      // A second signal means now.
      for (const worker of alive.keys()) worker.process.kill(isStopping ? "SIGKILL" : signal);
      if (!isStopping) setTimeout(end, stopMsMax(config), "SIGKILL").unref();
      isStopping = true;
      if (alive.size === 0) resolve(exitCode);
    };
    const fail = (facts: object, message: string) => {
      if (exitCode !== exitCodes.done) return;
      logger.fatal(facts, message);
      exitCode = exitCodes.notAllDone;
      if (!isStopping) end("SIGTERM");
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => end(signal));
    for (const fault of ["uncaughtException", "unhandledRejection"]) {
      process.on(fault, (error: unknown) => fail({ err: error }, "an unexpected fault; the workers stop"));
    }
    cluster.on("listening", onListening);
    onExit = (worker, code, signal) => {
      const life = alive.get(worker);
      if (life === undefined) return;
      alive.delete(worker);
      failedStarts = listening.delete(worker.id) ? 0 : failedStarts + 1;
      const how = { worker: worker.process.pid, code, signal };
      // A worker that has only just started does not catch the signal yet, and has nothing to finish.
      const hasEndedWell = code === 0 || (isStopping && signal !== null && signal !== "SIGKILL");
      if (!isStopping && hasListened) {
        if (failedStarts < failedStartsMax || listening.size > 0) replace(performance.now() - life.since, how);
        else fail(how, `${failedStarts} workers died before they listened, and none is left`);
      } else if (!hasEndedWell) exitCode = hasListened ? exitCodes.notAllDone : code || exitCodes.notAllDone;
      if (alive.size === 0 && (isStopping || !hasListened)) resolve(exitCode);
    };
    cluster.on("exit", onExit);
    start();
  });
}

function stopMsMax({ server }: Config): number {
  return server.stopDelayMs + server.stopTimeoutMs + endGraceMs;
}
