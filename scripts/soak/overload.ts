import { setTimeout as sleep } from "node:timers/promises";
import { keyBucket } from "../../src/replicas/hash.ts";
import { Placement } from "../../src/replicas/placement.ts";
import { startMariadb } from "../../test/support/mariadb.ts";
import { TcpProxy } from "../../test/support/tcp-proxy.ts";
import { describeWindow, Load, type Window } from "./load.ts";
import { WatchedServer } from "./watched-server.ts";

/** What each answer of the slow partition takes longer: it, and not this machine, is to be what is overloaded. */
const delayMs = 400;
const readConnections = 400;
/** A write waits for those before it on its connection, so that each has one of its own. */
const writeConnections = 2000;
const warmUpMs = 10_000;
const reportMs = 10_000;
const peakMs = 60_000;
/** What was accepted takes its wait of 2 s at most, and then a batch that is under way and its own. */
const acceptedMsMax = 6000;
/** So soon after the load everything is accepted again. */
const recoveryMs = 3000;
const value = "x".repeat(500);

/**
 * Asks one partition for ten times what it can do for a minute, then for twice as much, and another one for a little. Problems
 * are answers other than 2xx, 404 and 503, late ones, an overloaded partition that does nothing, one beside it that refuses
 * anything or is slow as well, requests that are refused when the load is gone, and memory that grows.
 */
export async function soakOverload(minutes: number, print: (line: string) => void): Promise<string[]> {
  const mariadb = await startMariadb();
  for (const name of ["test_slow", "test_quick"]) await mariadb.createDatabase(name);
  const proxy = await TcpProxy.start(mariadb);
  const url = (port: number, database: string) =>
    `mysql://${mariadb.user}:${mariadb.password}@127.0.0.1:${port}/${database}`;
  const watched = await WatchedServer.start([
    ...["--partitions", "2", "--replicas", "1", "--timeouts-connect", "10s"],
    ...["--server-max-connections-per-address", "10000"],
    ...["--partition-1-url", url(proxy.port, "test_slow"), "--partition-1-name", "slow"],
    ...["--partition-1-read-connections", "1", "--partition-1-write-connections", "1"],
    ...["--partition-2-url", url(mariadb.port, "test_quick"), "--partition-2-name", "quick"],
  ]);
  const { port } = watched;
  const [slow, quick] = [keysOf(0), keysOf(1)];
  const loads = {
    read: new Load(port, readConnections, 20, () => get(slow())),
    write: new Load(port, writeConnections, 1, () => put(slow())),
    other: new Load(port, 20, 20, () => (Math.random() < 0.5 ? get(quick()) : put(quick()))),
  };
  const problems: string[] = [];
  const takeWindows = () => {
    const windows = { read: loads.read.takeWindow(), write: loads.write.takeWindow(), other: loads.other.takeWindow() };
    for (const [name, window] of Object.entries(windows)) {
      print(`  ${name}: ${describeWindow(window)}`);
      for (const status of window.statuses.keys()) {
        if (!/^(?:2..|404|503)$/.test(status)) problems.push(`an answer was ${status}`);
      }
      if (served(window) > 0 && window.latency.percentile(99) > acceptedMsMax * 1000) {
        problems.push(`an accepted ${name} took more than ${acceptedMsMax} ms`);
      }
    }
    const { other } = windows;
    if (other.statuses.has("503")) problems.push("requests for the other partition were refused");
    // The rest is this machine's doing, which is busy as well.
    if (other.latency.percentile(95) > delayMs * 1000) problems.push("requests for the other partition were slow");
    return windows;
  };
  let capacity: readonly number[] = [];
  const start = (factor: number) => {
    for (const [index, load] of [loads.read, loads.write].entries()) {
      load.stop();
      load.start(factor * capacity[index]!);
    }
  };
  const ask = async (factor: number, forMs: number) => {
    start(factor);
    for (const deadline = performance.now() + forMs; performance.now() < deadline; ) {
      await sleep(reportMs);
      print(`${factor} times, ${watched.measure()} MiB`);
      const { read, write } = takeWindows();
      if (served(read) === 0 || served(write) === 0) problems.push("the overloaded partition did nothing");
    }
  };
  try {
    // Whoever asks little of the other partition should hardly notice what follows.
    for (const load of Object.values(loads)) load.start(20);
    await sleep(warmUpMs);
    print("before");
    takeWindows();
    loads.read.stop();
    loads.write.stop();
    proxy.delay(delayMs);
    loads.read.saturate(2);
    loads.write.saturate(1);
    await sleep(warmUpMs);
    for (const load of Object.values(loads)) load.takeWindow();
    await sleep(warmUpMs);
    const { read, write } = takeWindows();
    capacity = [read, write].map((window) => (served(window) / warmUpMs) * 1000);
    print(`capacity: ${capacity.map((each) => each.toFixed(0)).join(" reads/s and ")} writes/s`);

    await ask(10, Math.min(peakMs, (minutes * 60_000) / 2));
    await ask(2, minutes * 60_000);
    start(0.5);
    await sleep(recoveryMs);
    print(`half of it, for ${recoveryMs} ms`);
    takeWindows();
    await sleep(reportMs);
    print("half of it, from then on");
    const after = takeWindows();
    if (after.read.statuses.has("503") || after.write.statuses.has("503"))
      problems.push("with the load gone requests were refused");
  } finally {
    for (const load of Object.values(loads)) load.close();
    problems.push(...(await watched.problems()));
    await proxy.close();
    await mariadb.stop();
  }
  return [...new Set(problems)];
}

/** Random keys of one of the two partitions. */
function keysOf(index: number): () => string {
  const placement = new Placement(
    ["slow", "quick"].map((name) => ({ name, weight: 1 })),
    1,
  );
  const keys = Array.from({ length: 20_000 }, (_, number) => `soak/${number}`);
  const own = keys.filter((key) => placement.replica(keyBucket(key), 0) === index);
  return () => own[Math.floor(Math.random() * own.length)]!;
}

function get(key: string): string {
  return `GET /kv/${key} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

function put(key: string): string {
  return `PUT /kv/${key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${value.length}\r\n\r\n${value}`;
}

function served({ latency }: Window): number {
  return latency.count;
}
