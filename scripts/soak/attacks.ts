import { type Attack, askAsOther, attack, attacks, describeSeen } from "../../test/security/slow-attack.ts";
import { requireProgram } from "../../test/support/programs.ts";
import { WatchedServer } from "./watched-server.ts";

/** A good client's p99 may become so much larger under attack, or this many ms, because small ones jump. */
const ratioMax = 2;
const slackMs = 20;

/** Each attack of slowhttptest for a share of the time. Problems are answers that a good client lacks, or gets late. */
export async function soakAttacks(minutes: number, print: (line: string) => void): Promise<string[]> {
  const found = requireProgram("slowhttptest", "slowhttptest");
  if ("missing" in found) return [found.missing];
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
  const seconds = Math.ceil((minutes * 60) / kinds.length / 2);
  for (const kind of kinds) {
    const before = await askAsOther(`${url}/kv/small`, AbortSignal.timeout(seconds * 1000));
    const done = new AbortController();
    const asking = askAsOther(`${url}/kv/small`, done.signal);
    await attack(found.path, kind, `${url}/kv/large`, seconds);
    done.abort();
    const during = await asking;
    print(`${kind}, ${watched.measure()} MiB\n  before ${describeSeen(before)}\n  during ${describeSeen(during)}`);
    const [usualMs, attackedMs] = [before, during].map(({ latency }) => latency.percentile(99) / 1e6) as [
      number,
      number,
    ];
    if (attackedMs > Math.max(usualMs * ratioMax, slackMs)) {
      problems.push(`${kind}: p99 from ${usualMs.toFixed(1)} to ${attackedMs.toFixed(1)} ms`);
    }
    if ([...during.answers.keys()].some((answer) => answer !== 200)) problems.push(`${kind}: an answer was lost`);
  }
  return [...problems, ...(await watched.problems())];
}
