import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** How slowhttptest attacks, with what a second of it needs to be one. */
export const attacks = {
  "slow headers": ["-H", "-i", "1"],
  "slow bodies": ["-B", "-i", "1", "-s", "1000000"],
  "overlapping ranges": ["-R", "-a", "1", "-b", "3000", "-t", "GET"],
  "slow readers": ["-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "3"],
} as const;
export type Attack = keyof typeof attacks;

const attackers = 1000;

/**
 * Attacks `url` with 1000 connections from 127.0.0.1; resolves when that ends. Rejects when the program fails. `command` is
 * slowhttptest, behind a program that runs it where there is one.
 */
export async function attack(command: readonly string[], kind: Attack, url: string, seconds: number): Promise<void> {
  const [program, ...first] = command as [string, ...string[]];
  const args = [...attacks[kind], "-c", String(attackers), "-r", "1000", "-l", String(seconds), "-u", url, "-p", "2"];
  const child = spawn(program, [...first, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output = (output + chunk).slice(-2000);
    });
  }
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`slowhttptest ended with ${code}: ${output}`);
}

/** What a client at another address saw, one request after the other. */
export interface Seen {
  readonly answers: Map<number | string, number>;
  readonly latency: RecordableHistogram;
}

/** Asks for `url` from 127.0.0.2, as somebody does who has nothing to do with the attack, until `signal` says to stop. */
export async function askAsOther(url: string, signal: AbortSignal): Promise<Seen> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: "127.0.0.2" });
  const seen: Seen = { answers: new Map(), latency: createHistogram() };
  while (!signal.aborted) {
    const started = process.hrtime.bigint();
    const outcome = await ask(url, agent);
    seen.latency.record(process.hrtime.bigint() - started);
    seen.answers.set(outcome, (seen.answers.get(outcome) ?? 0) + 1);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  agent.destroy();
  return seen;
}

function ask(url: string, agent: Agent): Promise<number | string> {
  return new Promise((resolve) => {
    const sent = request(url, { agent }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode!));
      response.once("error", ({ message }) => resolve(message));
    });
    sent.once("error", ({ message }) => resolve(message)).end();
  });
}

export function describeSeen({ answers, latency }: Seen): string {
  const ms = (nanoseconds: number) => (nanoseconds / 1e6).toFixed(1);
  const counts = JSON.stringify(Object.fromEntries(answers));
  return `${counts}, p50 ${ms(latency.percentile(50))} ms, p99 ${ms(latency.percentile(99))} ms, max ${ms(latency.max)} ms`;
}
