import { pino } from "pino";

export type Logger = pino.Logger;

/** Logs JSON lines to stderr, so that stdout stays for people. `KVASIR_DEBUG` also shows the debug lines. */
export function createLogger(usual: "info" | "warn" = "info"): Logger {
  const level = process.env.KVASIR_DEBUG ? "debug" : usual;
  return pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2));
}
