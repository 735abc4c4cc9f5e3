import { setTimeout as sleep } from "node:timers/promises";
import { keyBucket } from "../../src/replicas/hash.ts";
import { Placement } from "../../src/replicas/placement.ts";
import { startMariadb } from "../../test/support/mariadb.ts";
import { TcpProxy } from "../../test/support/tcp-proxy.ts";
import { describeWindow, Load, type Window } from "./load.ts";
import { WatchedServer } from "./watched-server.ts";

/** What each answer of the slow partition takes longer: it, and not this machine, is to be what is overloaded. */
const delayMs = 30;
const readConnections = 50;
const writeConnections = 300;
const warmUpMs = 10_000;
const reportMs = 10_000;
const value = "x".repeat(500);

/**
 * Asks one partition for twice what it can do, and another for a little. Problems are answers other than 2xx, 404 and 503, an
 * overloaded partition that does nothing, one beside it that refuses anything, requests that are refused when the load is
 * gone, and memory that grows.
 */
export async function soakOverload(minutes: number, print: (line: string) => void): Promise<string[]> {
  const mariadb = await startMariadb();
  for (const name of ["test_slow", "test_quick"]) await mariadb.createDatabase(name);
  const proxy = await TcpProxy.start(mariadb);
  const url = (port: number, database: string) =>
    `mysql://${mariadb.user}:${mariadb.password}@127.0.0.1:${port}/${database}`;
  const watched = await WatchedServer.start([
    ...["--partitions", "2", "--replicas", "1", "--timeouts-connect", "10s"],
    ...["--partition-1-url", url(proxy.port, "test_slow"), "--partition-1-name", "slow"],
    ...["--partition-2-url", url(mariadb.port, "test_quick"), "--partition-2-name", "quick"],
  ]);
  const { port } = watched;
  const [slow, quick] = [keysOf(0), keysOf(1)];
  const reads = new Load(port, readConnections, () => get(slow()));
  const writes = new Load(port, writeConnections, () => put(slow()));
  const others = new Load(port, 20, () => (Math.random() < 0.5 ? get(quick()) : put(quick())));
  const problems: string[] = [];
  try {
    // Whoever asks little of the other partition should hardly notice what follows.
    others.start(20);
    await sleep(warmUpMs);
    print(`before: ${describeWindow(others.takeWindow())}`);
    proxy.delay(delayMs);
    reads.saturate(20);
    writes.saturate(1);
    await sleep(warmUpMs);
    for (const load of [reads, writes, others]) load.takeWindow();
    await sleep(warmUpMs);
    const capacity = [reads, writes].map((load) => (served(load.takeWindow()) / warmUpMs) * 1000) as [number, number];
    print(
      `capacity: ${capacity.map((each) => each.toFixed(0)).join(" reads/s and ")} writes/s, ${watched.measure()} MiB`,
    );

    for (const load of [reads, writes]) load.stop();
    reads.start(2 * capacity[0]);
    writes.start(2 * capacity[1]);
    const deadline = performance.now() + minutes * 60_000;
    while (performance.now() < deadline) {
      await sleep(reportMs);
      const [read, write, other] = [reads, writes, others].map((load) => load.takeWindow()) as [Window, Window, Window];
      print(`${watched.measure()} MiB`);
      for (const [name, window] of Object.entries({ read, write, other }))
        print(`  ${name}: ${describeWindow(window)}`);
      for (const window of [read, write, other]) problems.push(...unexpected(window));
      if (served(read) === 0 || served(write) === 0) problems.push("the overloaded partition did nothing");
      if (other.statuses.has("503")) problems.push("requests for the other partition were refused");
    }
    for (const load of [reads, writes, others]) load.close();
    const { status } = await fetch(`http://127.0.0.1:${port}/kv/${slow()}`, { method: "PUT", body: value });
    if (status >= 300) problems.push(`with the load gone a write got ${status}`);
  } finally {
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

function unexpected({ statuses }: Window): string[] {
  const others = [...statuses.keys()].filter((status) => !/^(?:2..|404|503)$/.test(status));
  return others.map((status) => `an answer was ${status}`);
}
