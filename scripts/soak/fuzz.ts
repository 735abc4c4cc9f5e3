import { fuzz, fuzzedOrigin } from "../../test/security/fuzzing.ts";
import { WatchedServer } from "./watched-server.ts";

const requestsPerRound = 20_000;

/** Sends anything at all, seed after seed, until the time is over. Gives the problems. */
export async function soakFuzz(minutes: number, from: number, print: (line: string) => void): Promise<string[]> {
  const watched = await WatchedServer.start([
    "--server-headers-timeout",
    "500ms",
    "--server-request-timeout",
    "1s",
    "--server-cors-origins",
    fuzzedOrigin,
  ]);
  const deadline = performance.now() + minutes * 60_000;
  const problems: string[] = [];
  let total = 0;
  for (let seed = from; performance.now() < deadline && watched.server.child.exitCode === null; seed++) {
    const { sent, statuses, faults } = await fuzz(watched.port, seed, requestsPerRound, deadline);
    total += sent;
    problems.push(...faults.map((fault) => `SEED=${seed}, ${fault}`));
    const answers = JSON.stringify(Object.fromEntries([...statuses].sort()));
    print(`seed ${seed}: ${total} requests so far, ${watched.measure()} MiB, ${answers}`);
  }
  print(`${total} requests`);
  return [...problems, ...(await watched.problems())];
}
