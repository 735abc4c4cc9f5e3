import cluster from "node:cluster";
import { setTimeout as sleep } from "node:timers/promises";
import { type Config, type ConfigSources, loadConfig } from "../config.ts";
import { createLogger, type Logger } from "../log.ts";
import { exitCodes, reportFailure } from "./failure.ts";
import { listeningUrl } from "./http.ts";
import type { RunningServer } from "./serve-one.ts";
import { superviseWorkers } from "./workers.ts";

/** Answers requests until a signal or a fault ends it, and gives the exit code. */
export async function serve(sources: ConfigSources): Promise<number> {
  const config = loadConfig(sources);
  const logger = createLogger();
  if (cluster.isWorker) return serveAsWorker(config, sources, logger);
  for (const warning of config.warnings) logger.warn(warning);
  const announce = (host: string, port: number) => void process.stdout.write(greeting(config, host, port));
  if (config.server.workers > 1) return superviseWorkers(config, logger, announce);
  return serveHere(config, sources, logger, announce);
}

/** The channel to the primary would keep a worker alive that could not start. */
async function serveAsWorker(config: Config, sources: ConfigSources, logger: Logger): Promise<number> {
  try {
    return await serveHere(config, sources, logger, () => {});
  } catch (error) {
    process.exit(reportFailure(error));
  }
}

type Announce = (host: string, port: number) => void;

async function serveHere(config: Config, sources: ConfigSources, logger: Logger, announce: Announce): Promise<number> {
  // Before the start, so that a signal meanwhile is not lost, and a fault does not leave it half started.
  const end = nextEnd();
  // Loaded late: the primary of several workers needs neither database clients nor HTTP.
  const { startServer } = await import("./serve-one.ts");
  const server = await Promise.race([
    startServer(config, logger, () => loadConfig(sources)),
    end.then(() => undefined),
  ]);
  if (server !== undefined) announce(server.host, server.port);
  const reason = await end;
  if (reason.kind === "fault") logger.fatal({ err: reason.error }, "an unexpected fault; the server stops");
  else logger.info({ signal: reason.signal }, "stopping");
  const isClean = server === undefined || (await stopInTime(server, config, reason));
  if (!isClean) logger.error("not everything ended in time");
  process.exit(isClean && reason.kind === "signal" ? exitCodes.done : exitCodes.notAllDone);
}

type End = { readonly kind: "signal"; readonly signal: string } | { readonly kind: "fault"; readonly error: unknown };

/** The first signal or fault. A second signal exits at once, but for workers, whom the terminal and the primary both signal. */
function nextEnd(): Promise<End> {
  return new Promise((resolve) => {
    let isEnding = false;
    const end = (reason: End) => {
      if (isEnding && reason.kind === "signal" && !cluster.isWorker) process.exit(exitCodes.notAllDone);
      isEnding = true;
      resolve(reason);
    };
    for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => end({ kind: "signal", signal }));
    for (const fault of ["uncaughtException", "unhandledRejection"]) {
      process.on(fault, (error: unknown) => end({ kind: "fault", error }));
    }
  });
}

/** How long closing may take beyond the time that requests under way have. */
const closeGraceMs = 2000;

/** Whether everything has ended; gives up a little after `stop_timeout`. What has a fault does not wait for balancers. */
async function stopInTime(server: RunningServer, config: Config, { kind }: End): Promise<boolean> {
  server.leave();
  if (kind === "signal") await sleep(config.server.stopDelayMs);
  const tooLate = new Promise<boolean>((resolve) => {
    setTimeout(resolve, config.server.stopTimeoutMs + closeGraceMs, false).unref();
  });
  const stopped = server.stop().then(
    () => true,
    () => false,
  );
  return Promise.race([stopped, tooLate]);
}

function greeting(config: Config, host: string, port: number): string {
  const url = listeningUrl(host, port, config.server.tls !== undefined);
  const partitions = config.partitions.map(({ name, displayUrl }) => `  ${name}: ${displayUrl}`);
  const needsToken = config.server.requireTokens || config.tokens.length > 0;
  const curl = needsToken ? 'curl -H "Authorization: Bearer $KVASIR_TOKEN"' : "curl";
  return `Kvasir listens on ${url}${config.isTest ? " (test mode)" : ""}
${partitions.join("\n")}
Try: ${curl} -X PUT ${url}/kv/greeting -d 'hello'; ${curl} ${url}/kv/greeting
`;
}
