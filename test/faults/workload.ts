import assert from "node:assert/strict";
import type { Partition, ScanRange } from "../../src/partition.ts";

/** What each key was asked to become: writes of one key follow each other, with growing numbers as values. */
export interface Workload {
  /** Ends the writers; resolves when their last requests have ended. */
  stop(): Promise<void>;
  /** How many writes were answered 2xx. */
  readonly acknowledged: number;
  /** What was not answered 2xx: method, status, code and detail, or `no answer`. */
  readonly failures: readonly string[];
  /** @throws AssertionError when a key holds less than what was acknowledged, or more than was ever sent. */
  check(read: (key: string) => Promise<string | undefined>): Promise<void>;
}

interface KeyHistory {
  acknowledged: number;
  sent: number;
}

/**
 * Writers that go on whatever happens to the servers, each with keys of its own, through `urls` in turn. What each
 * has written it also reads back, with its clock token, through another front end.
 */
export function startWorkload(urls: readonly string[], writers: number, query = ""): Workload {
  const histories = new Map<string, KeyHistory>();
  let isStopped = false;
  let acknowledged = 0;
  const staleReads: string[] = [];
  const failures: string[] = [];
  const write = async (writer: number) => {
    for (let turn = 0; !isStopped; turn++) {
      const key = `writer-${writer}/${turn % 50}`;
      const history = histories.get(key) ?? { acknowledged: 0, sent: 0 };
      histories.set(key, history);
      const number = ++history.sent;
      const written = await put(`${urls[turn % urls.length]}/kv/${key}${query}`, String(number));
      if (typeof written === "string") failures.push(`PUT ${written}`);
      if (typeof written === "string") continue;
      const { clock } = written;
      history.acknowledged = number;
      acknowledged++;
      const seen = await get(`${urls[(turn + 1) % urls.length]}/kv/${key}`, clock);
      if (typeof seen === "string") failures.push(`GET ${seen}`);
      else if (Number(seen.value) < number) staleReads.push(`${key}: ${seen.value} after ${number}`);
    }
  };
  const running = Array.from({ length: writers }, (_, writer) => write(writer));
  return {
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
    },
    get acknowledged() {
      return acknowledged;
    },
    failures,
    check: async (read) => {
      assert.deepEqual(staleReads, [], "a read with a clock token gave less than it knew of");
      for (const [key, history] of histories) {
        const stored = Number((await read(key)) ?? 0);
        assert.ok(
          stored >= history.acknowledged,
          `${key} holds ${stored}, but ${history.acknowledged} was acknowledged`,
        );
        assert.ok(stored <= history.sent, `${key} holds ${stored}, but only ${history.sent} were sent`);
      }
    },
  };
}

/** The clock token of the answer, or why the write was not acknowledged. */
async function put(url: string, body: string): Promise<{ clock: string } | string> {
  const headers = { "content-type": "text/plain" };
  const response = await request(url, { method: "PUT", body, headers });
  return response?.ok ? { clock: response.headers.get("kvasir-clock") ?? "" } : problemOf(response);
}

/** The value as of `clock`, or why there is none that is new enough now. */
async function get(url: string, clock: string): Promise<{ value: string } | string> {
  const response = await request(url, { headers: { "kvasir-clock": clock } });
  return response?.ok ? { value: response.text } : problemOf(response);
}

function problemOf(response: Awaited<ReturnType<typeof request>>): string {
  if (response === undefined) return "no answer";
  const code = /"code":"([a-z_]+)"/.exec(response.text)?.[1] ?? "";
  const detail = /"detail":"((?:[^"\\]|\\.)*)"/.exec(response.text)?.[1] ?? "";
  return `${response.status} ${code} ${detail}`;
}

async function request(url: string, options: RequestInit) {
  try {
    const response = await fetch(url, { ...options, signal: AbortSignal.timeout(15_000) });
    return { ok: response.ok, status: response.status, headers: response.headers, text: await response.text() };
  } catch {
    // The front end was killed. Do not hammer the port while it is away.
    await pause(20);
    return undefined;
  }
}

/** Every live key of a partition with its version and value, as text that can be compared. */
export async function contents(partition: Partition): Promise<string[]> {
  const found: string[] = [];
  let range: ScanRange = {
    start: "",
    isStartExclusive: false,
    end: undefined,
    isReverse: false,
    limit: 1000,
    bytesMax: 2 ** 30,
    withValues: true,
    now: Date.now(),
    buckets: undefined,
  };
  for (;;) {
    const { records, hasMore } = await partition.scan(range);
    for (const { key, version, value } of records) {
      found.push(`${key} ${version.stamp} ${version.writer} ${Buffer.from(value).toString("latin1")}`);
    }
    if (!hasMore) return found;
    range = { ...range, start: records.at(-1)!.key, isStartExclusive: true };
  }
}

/** Resolves when the front end at `url` sees every partition steady and nothing owed. */
export async function untilDelivered(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/status?format=json`).catch(() => undefined);
    if (response?.ok) {
      const { partitions } = (await response.json()) as { partitions: { state: string; owed?: { count: number }[] }[] };
      const isDelivered = partitions.every(
        ({ state, owed }) => state === "steady" && owed !== undefined && owed.every(({ count }) => count === 0),
      );
      if (isDelivered) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function valueAt(url: string, key: string): Promise<string | undefined> {
  const response = await fetch(`${url}/kv/${key}`);
  const text = await response.text();
  assert.ok(response.ok || response.status === 404, `GET ${key}: ${response.status} ${text}`);
  return response.ok ? text : undefined;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
