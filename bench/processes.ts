import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { accepts } from "../test/support/ports.ts";

const startTimeoutMs = 30_000;

/** A server process under measurement. */
export interface Served {
  readonly url: string;
  readonly pid: number;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** Starts a program that prints its URL, and waits for it. */
export async function startPrinting(command: string, args: readonly string[], cwd: string): Promise<Served> {
  const child = start(command, args, cwd);
  const url = await printedUrl(child);
  if (url === undefined) throw new Error(`${args[0]} did not start: ${lastLog(cwd)}`);
  return served(child, url);
}

/** Starts a program that is to answer at `url`, and waits until it does (`tcp:`: until it accepts). */
export async function startAt(command: string, args: readonly string[], cwd: string, url: string): Promise<Served> {
  const child = start(command, args, cwd);
  child.stdout!.resume();
  const deadline = performance.now() + startTimeoutMs;
  while (!(await answers(url))) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`${command} did not start: ${lastLog(cwd)}`);
    await sleep(20);
  }
  return served(child, url);
}

/** Starts a program. What it writes to stderr goes to a file in `cwd`. */
export function start(command: string, args: readonly string[], cwd: string): ChildProcess {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("KVASIR_")));
  const log = openSync(join(cwd, "stderr.log"), "a");
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", log] });
  closeSync(log);
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

function served(child: ChildProcess, url: string): Served {
  return { url, pid: child.pid!, stop: () => stop(child) };
}

/** SIGTERM, and waits for the end. Harmless when repeated. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

async function printedUrl(child: ChildProcess): Promise<string | undefined> {
  let output = "";
  for await (const chunk of child.stdout!.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    output += chunk;
    const url = /http:\/\/[0-9.]+:[1-9][0-9]*/.exec(output)?.[0];
    if (url === undefined) continue;
    child.stdout!.resume();
    return url;
  }
  return undefined;
}

function lastLog(cwd: string): string {
  return readFileSync(join(cwd, "stderr.log"), "utf8").trim().slice(-500);
}

async function answers(url: string): Promise<boolean> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol === "tcp:") return accepts(hostname, Number(port));
  return fetch(url, { signal: AbortSignal.timeout(1000) }).then(
    async (response) => {
      await response.arrayBuffer();
      return true;
    },
    () => false,
  );
}

/** CPU time that these processes and all below them have used so far, in seconds, user and system. */
export function cpuSeconds(pids: readonly number[]): number {
  return withDescendants(pids).reduce((sum, pid) => {
    const fields = statFields(pid);
    // Fields 14 and 15 of proc(5), in ticks of 10 ms.
    return sum + (Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0)) / 100;
  }, 0);
}

/** Memory that these processes and all below them hold now, or held at most since `resetPeak`, in bytes. */
export function memoryBytes(pids: readonly number[], which: "now" | "peak"): number {
  const pattern = which === "now" ? /^VmRSS:\s+(\d+) kB/m : /^VmHWM:\s+(\d+) kB/m;
  return withDescendants(pids).reduce((sum, pid) => {
    const [, kib] = pattern.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return sum + Number(kib ?? 0) * 1024;
  }, 0);
}

export function resetPeak(pids: readonly number[]): void {
  for (const pid of withDescendants(pids)) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function withDescendants(pids: readonly number[]): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), Number(statFields(Number(name))?.[1] ?? 0)] as const);
  const found = new Set(pids);
  // A process may have a smaller id than its parent, so once through the list is not enough.
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** The fields behind the name, or nothing when the process has ended. */
function statFields(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
  } catch {
    return undefined;
  }
}
