import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

const commandTimeoutMs = 150_000;

export interface Finished {
  readonly code: number | null;
  readonly bytes: Buffer;
  readonly stdout: string;
  readonly stderr: string;
}

interface SpawnOptions {
  readonly cwd: string;
  readonly env?: { readonly [name: string]: string };
  readonly input?: string | Uint8Array;
}

const running = new Set<ChildProcess>();

/** A folder for one test file. `remove` also ends what a failed test left running, which would keep the tests alive. */
export function temporaryFolder(): { readonly path: string; remove(): Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), "kvasir-cli-"));
  const remove = async () => {
    await Promise.all([...running].map(kill));
    rmSync(path, { recursive: true, force: true });
  };
  return { path, remove };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  // The second signal ends at once, also the workers.
  child.kill("SIGTERM");
  child.kill("SIGINT");
  await ended;
}

/** Runs the real command line until it ends. */
export async function kvasir(args: readonly string[], options: SpawnOptions): Promise<Finished> {
  const child = spawnKvasir(args, options);
  // A command that hangs fails its test, and not the whole run.
  const timer = setTimeout(() => child.kill("SIGKILL"), commandTimeoutMs);
  child.stdin!.on("error", () => {});
  child.stdin!.end(options.input ?? "");
  const [bytes, stderr, [code]] = await Promise.all([buffer(child.stdout!), text(child.stderr!), once(child, "close")]);
  clearTimeout(timer);
  return { code, bytes, stdout: bytes.toString(), stderr };
}

export function spawnKvasir(args: readonly string[], { cwd, env = {} }: SpawnOptions): ChildProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("KVASIR_"));
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), KVASIR_ENV: "test", ...env },
    stdio: "pipe",
  });
  running.add(child);
  child.on("exit", () => running.delete(child));
  return child;
}

/** The `PATH` of a shell that has the command `kvasir`, for command lines as a person types them. */
export function pathWithKvasir(cwd: string): string {
  const bin = join(cwd, ".bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "kvasir"), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 });
  return `${bin}:${process.env.PATH}`;
}

/** Runs a line of shell on a terminal of its own (`script` makes it), with `input` typed once `until` is on the screen. */
export async function onTerminal(
  line: string,
  { cwd, env = {}, columns = 60, until = /$/, input = "" }: TerminalOptions,
): Promise<{ code: number | null; screen: string }> {
  const child = spawn("script", ["-qefc", `stty cols ${columns} rows 20; ${line}`, "/dev/null"], {
    cwd,
    env: { HOME: cwd, PATH: pathWithKvasir(cwd), TERM: "xterm-256color", KVASIR_ENV: "test", ...env },
    stdio: "pipe",
  });
  running.add(child);
  child.on("exit", () => running.delete(child));
  const timer = setTimeout(() => child.kill("SIGKILL"), commandTimeoutMs);
  let screen = "";
  let isTyped = input === "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    screen += chunk;
    if (isTyped || !until.test(screen)) return;
    isTyped = true;
    child.stdin.write(input);
  });
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code, screen };
}

interface TerminalOptions extends SpawnOptions {
  readonly columns?: number;
  /** What is on the screen when `input` is typed. */
  readonly until?: RegExp;
  readonly input?: string;
}

export interface Server {
  readonly url: string;
  /** What it printed when it listened. */
  readonly greeting: string;
  readonly child: ChildProcess;
  /** What it has written to stderr. */
  log(): string;
  /** Sends the signal and gives the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts `kvasir serve` on a free port, and waits until it listens. */
export async function startServer(
  cwd: string,
  args: readonly string[] = [],
  env: { readonly [name: string]: string } = {},
): Promise<Server> {
  const child = spawnKvasir(["serve", "--port", "0", ...args], { cwd, env });
  let errors = "";
  child.stderr!.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  const ended = once(child, "exit") as Promise<[number | null]>;
  const greeting = await Promise.race([printedGreeting(child), ended.then(([code]) => `exit code ${code}`)]);
  const [url] = greetedUrl.exec(greeting) ?? [];
  if (url === undefined) throw new Error(`kvasir serve: ${greeting}: ${errors}`);
  return {
    url,
    greeting,
    child,
    log: () => errors,
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      return (await ended)[0];
    },
  };
}

const greetedUrl = /http:\/\/[^\s]+:[1-9][0-9]*/;

async function printedGreeting(child: ChildProcess): Promise<string> {
  let output = "";
  for await (const chunk of child.stdout!.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    output += chunk;
    if (!greetedUrl.test(output) || !/Try:.*\n/.test(output)) continue;
    child.stdout!.resume();
    return output;
  }
  return "no address";
}
