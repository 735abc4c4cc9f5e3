import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Attack, askAsOther, attack, attacks, describeSeen, type Seen } from "../../test/security/slow-attack.ts";
import { requireProgram } from "../../test/support/programs.ts";
import { WatchedServer } from "./watched-server.ts";

/** A good client's p99 may become so much larger under attack, or this many ms: that of an idle server is about one. */
const ratioMax = 2;
const slackMs = 3;
/** For closing what an attack left open. */
const pauseMs = 2000;

/**
 * Each attack of slowhttptest for a share of the time, between two times as long without it. Problems are answers that a
 * good client lacks, or gets late: later than in both times without.
 *
 * The server and the good client have one core, always, and the attacker another one, so that what is measured is what an
 * attack costs the server, and not what slowhttptest costs the machine.
 */
export async function soakAttacks(minutes: number, print: (line: string) => void): Promise<string[]> {
  const [slowhttptest, taskset] = [
    requireProgram("slowhttptest", "slowhttptest"),
    requireProgram("taskset", "util-linux"),
  ];
  if ("missing" in slowhttptest) return [slowhttptest.missing];
  if ("missing" in taskset) return [taskset.missing];
  const attackerCore = stayOnOneCore(taskset.path);
  if (attackerCore === undefined) print("there is one core only: the attacker disturbs the good client by itself");
  const command = [...(attackerCore === undefined ? [] : [taskset.path, "-c", `${attackerCore}`]), slowhttptest.path];
  const watched = await WatchedServer.start([]);
  const { url } = watched.server;
  const problems: string[] = [];
  for (const [key, length] of [
    ["small", 100],
    ["large", 256 * 1024],
  ] as const) {
    await fetch(`${url}/kv/${key}`, { method: "PUT", body: "x".repeat(length) });
  }
  const kinds = Object.keys(attacks) as Attack[];
  const seconds = Math.ceil((minutes * 60) / kinds.length / 3);
  const ask = () => askAsOther(`${url}/kv/small`, AbortSignal.timeout(seconds * 1000));
  for (const kind of kinds) {
    const before = await ask();
    const [during] = await Promise.all([ask(), attack(command, kind, `${url}/kv/large`, seconds)]);
    print(`${kind}, ${watched.measure()} MiB`);
    await sleep(pauseMs);
    const after = await ask();
    for (const [name, seen] of Object.entries({ before, during, after })) print(`  ${name} ${describeSeen(seen)}`);
    const [usualMs, attackedMs] = [Math.max(p99Ms(before), p99Ms(after)), p99Ms(during)];
    if (attackedMs > Math.max(usualMs * ratioMax, slackMs)) {
      problems.push(`${kind}: p99 from ${usualMs.toFixed(1)} to ${attackedMs.toFixed(1)} ms`);
    }
    if ([...during.answers.keys()].some((answer) => answer !== 200)) problems.push(`${kind}: an answer was lost`);
  }
  return [...problems, ...(await watched.problems())];
}

/** Keeps this process, and what it starts, on one core. Gives another one, if there is one. */
function stayOnOneCore(taskset: string): number | undefined {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!;
  const cores = list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  if (cores.length > 1) execFileSync(taskset, ["-a", "-c", "-p", `${cores[0]}`, `${process.pid}`]);
  return cores[1];
}

function p99Ms({ latency }: Seen): number {
  return latency.percentile(99) / 1e6;
}
