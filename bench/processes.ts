import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

/** A server under measurement. */
export interface Subject {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a TypeScript file and waits for the first line of its output that has a URL. */
export async function startSubject(file: string, args: readonly string[], cwd = "."): Promise<Subject> {
  const child = spawn(process.execPath, [file, ...args], { cwd, stdio: ["ignore", "pipe", "inherit"] });
  const url = await firstUrl(child);
  return {
    url,
    pid: child.pid!,
    stop: async () => {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function firstUrl(child: ChildProcess): Promise<string> {
  let output = "";
  for await (const chunk of child.stdout!.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    output += chunk;
    const url = /http:\/\/[0-9.]+:[1-9][0-9]*/.exec(output)?.[0];
    if (url === undefined) continue;
    child.stdout!.resume();
    return url;
  }
  throw new Error(`it ended before it listened: ${output}`);
}

/** CPU time that a process has used so far, in seconds, all its threads together. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  // Fields 14 and 15 of proc(5), in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Makes sure that `wrk` is here, with apt-get where root may. */
export function requireWrk(): void {
  try {
    execFileSync("wrk", ["-v"], { stdio: "ignore" });
  } catch (error) {
    // It prints its version with exit code 1.
    if ((error as { status?: number | null }).status === 1) return;
    if (process.getuid?.() !== 0) throw new Error("wrk is missing; install it with: apt-get install wrk");
    execFileSync("apt-get", ["update", "-qq"], { stdio: "inherit" });
    execFileSync("apt-get", ["install", "-y", "-qq", "wrk"], { stdio: "inherit" });
  }
}

export interface Load {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx and 3xx. */
  readonly failures: number;
}

/** Loads a server with a Lua script for `seconds`, over `connections`. */
export async function wrk(url: string, script: string, seconds: number, connections: number): Promise<Load> {
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-s", script, url];
  const child = spawn("wrk", args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  for await (const chunk of child.stdout) output += chunk;
  const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? 0);
  return {
    requestsPerSecond: number(/Requests\/sec:\s+([0-9.]+)/),
    p50Ms: latencyMs(output, "50%"),
    p99Ms: latencyMs(output, "99%"),
    failures: number(/Non-2xx or 3xx responses: ([0-9]+)/),
  };
}

function latencyMs(output: string, percentile: string): number {
  const match = new RegExp(`${percentile}\\s+([0-9.]+)(us|ms|s)`).exec(output);
  return Number(match?.[1] ?? 0) * ({ us: 0.001, ms: 1, s: 1000 }[match?.[2] ?? "ms"] ?? 1);
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
