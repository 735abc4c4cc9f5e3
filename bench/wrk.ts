import { spawn } from "node:child_process";
import type { LoadSpec, Operation } from "./subject.ts";

const script = new URL("load.lua", import.meta.url).pathname;

/** How a server is asked, see load.lua. */
export type Dialect = "kv" | "webdis" | "etcd" | "unstorage" | "pouchdb";

export interface WrkOptions {
  readonly url: string;
  readonly dialect: Dialect;
  readonly seconds: number;
  /** Where new keys begin. */
  readonly salt: number;
  readonly etags?: readonly string[];
}

export interface WrkResult {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers with a status from 400. */
  readonly refused: number;
  /** Connections that failed and answers that did not come. */
  readonly broken: number;
}

/** Loads a server from one thread. `fill` puts each key in its turn. */
export async function wrk(
  spec: Omit<LoadSpec, "operation"> & { readonly operation: Exclude<Operation, "head"> | "fill" },
  { url, dialect, seconds, salt, etags = [] }: WrkOptions,
): Promise<WrkResult> {
  const { operation, keys, bytes, connections, writes } = spec;
  const load = [dialect, operation, keys, bytes, keyPrefix(bytes), writes, salt, ...etags].map(String);
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script, url, "--", ...load];
  const child = spawn("wrk", args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  for await (const chunk of child.stdout) output += chunk;
  const result = /^RESULT (.*)$/m.exec(output)?.[1];
  if (result === undefined) throw new Error(`wrk ended without a result: ${output}`);
  const { microseconds, p50, p99, ...counts } = JSON.parse(result) as { readonly [name: string]: number };
  const { requests = 0, refused = 0, broken = 0 } = counts;
  return { requests, refused, broken, seconds: microseconds! / 1e6, p50Ms: p50! / 1000, p99Ms: p99! / 1000 };
}

/** Keys of values of one size have a prefix of their own, with a length that is a multiple of three. */
function keyPrefix(bytes: number): string {
  return bytes === 128 ? "key" : `b${String(bytes).padStart(7, "0")}-`;
}

/** A key as load.lua makes it. */
export function keyOf(number: number, bytes: number): string {
  return `${keyPrefix(bytes)}${String(number).padStart(9, "0")}`;
}
