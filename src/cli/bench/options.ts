import { choice, count, type Kind, size, text } from "../../config/kinds.ts";
import { ConfigError } from "../../errors.ts";

/** What `bench` was asked for, checked. */
export interface BenchOptions {
  readonly modes: readonly Mode[];
  readonly connections: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly keys: number;
  /** The share of PUTs in `mixed`, in percent. */
  readonly writes: number;
  readonly prefix: string;
  readonly json: boolean;
}

export type Mode = "get" | "put" | "mixed";

/** As commander gives them. */
export interface BenchFlags {
  readonly mode: string;
  readonly connections: string;
  readonly seconds: string;
  readonly size: string;
  readonly keys: string;
  readonly writes: string;
  readonly prefix: string;
  readonly json?: boolean;
}

/** A key has at most 1024 bytes, of which the run and the number of the key need a few. */
const prefixBytesMax = 900;

/** @throws ConfigError that names the flag. */
export function readBenchOptions(flags: BenchFlags): BenchOptions {
  const read = <T>(name: keyof BenchFlags, kind: Kind<T>): T => {
    const value = kind.fromText(String(flags[name]));
    if (value !== undefined) return value;
    throw new ConfigError(`--${name}: expected ${kind.expected}, got ${JSON.stringify(flags[name])}`);
  };
  const mode = read("mode", choice("get", "put", "mixed", "all"));
  const prefix = read("prefix", text);
  if (Buffer.byteLength(prefix) > prefixBytesMax || prefix.includes("\0")) {
    throw new ConfigError(`--prefix: expected at most ${prefixBytesMax} bytes without NUL`);
  }
  return {
    modes: mode === "all" ? ["get", "put", "mixed"] : [mode],
    connections: read("connections", count(1, 10_000)),
    seconds: read("seconds", count(1, 3600)),
    bytes: read("size", size("0", "512MiB")),
    keys: read("keys", count(1, 1_000_000)),
    writes: read("writes", count(0, 100)),
    prefix,
    json: flags.json === true,
  };
}
