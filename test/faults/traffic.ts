import assert from "node:assert/strict";
import { pause } from "./workload.ts";

/** How many requests were answered as they should be, of how many, and how the others failed. */
export interface Tally {
  ok: number;
  all: number;
  readonly failures: Map<string, number>;
}

export interface Traffic {
  readonly reads: Tally;
  readonly writes: Tally;
  /** Writes with a precondition, which only a key's home decides. */
  readonly conditional: Tally;
  stop(): Promise<void>;
  /**
   * Whether each key is what its last acknowledged write made of it, or a later write that may have been applied.
   *
   * @throws AssertionError for a write that was lost, or one that was undone.
   */
  check(read: (key: string) => Promise<string | undefined>): Promise<number>;
}

/** What may be stored under a key: the last acknowledged write, and all that came after it. `undefined` is absent. */
type Possible = readonly (string | undefined)[];

const keysOfWriter = 40;

/**
 * Writers and readers that go on whatever happens. Every value is written once. Each key has one writer, which overwrites,
 * deletes and creates it again, now and then with a precondition; readers read the keys of all.
 */
export function startTraffic(urls: readonly string[], writers: number, readers: number): Traffic {
  const [reads, writes, conditional] = [tally(), tally(), tally()];
  const possible = new Map<string, Possible>();
  const etags = new Map<string, string>();
  let isStopped = false;
  let count = 0;

  const write = async (writer: number) => {
    for (let turn = 0; !isStopped; turn++) {
      const key = `writer-${writer}/${turn % keysOfWriter}`;
      const url = `${urls[(turn + writer) % urls.length]}/kv/${key}`;
      const etag = etags.get(key);
      const isConditional = turn % 8 === 3 && etag !== undefined;
      const isDelete = !isConditional && turn % 5 === 4;
      const value = isDelete ? undefined : `${key} ${count++}`;
      const before: Possible = possible.get(key) ?? [undefined];
      possible.set(key, [...before, value]);
      const answer = await send(url, {
        method: isDelete ? "DELETE" : "PUT",
        headers: { "content-type": "text/plain", ...(isConditional && { "if-match": etag! }) },
        ...(value !== undefined && { body: value }),
      });
      const isOk = answer.status >= 200 && answer.status < 300;
      // Its own version may have been replaced by a write of its own whose answer was lost.
      const isSettled = isConditional && answer.status === 412 && before.length > 1;
      note(isConditional ? conditional : writes, isOk || isSettled, answer);
      if (isOk) possible.set(key, [value]);
      else if (answer.status !== 504 && answer.status >= 400 && isCertain(answer)) possible.set(key, before);
      if (isOk && answer.etag !== undefined) etags.set(key, answer.etag);
      else etags.delete(key);
    }
  };
  const read = async (reader: number) => {
    for (let turn = 0; !isStopped; turn++) {
      const key = `writer-${(turn + reader) % writers}/${(turn * 7 + reader) % keysOfWriter}`;
      const answer = await send(`${urls[turn % urls.length]}/kv/${key}`, {});
      note(reads, answer.status === 200 || answer.status === 404, answer);
      await pause(2);
    }
  };
  const running = [
    ...Array.from({ length: writers }, (_, writer) => write(writer)),
    ...Array.from({ length: readers }, (_, reader) => read(reader)),
  ];
  return {
    reads,
    writes,
    conditional,
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
    },
    check: async (readOne) => {
      for (const [key, values] of possible) {
        const found = await readOne(key);
        const expected = values.map((value) => value ?? "absent").join(", ");
        assert.ok(values.includes(found), `${key} is ${found ?? "absent"}, and not ${expected}`);
      }
      return possible.size;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly etag: string | undefined;
}

/** Refused before anything was stored. */
function isCertain({ status, code }: Answer): boolean {
  return (
    status === 412 || status === 429 || code === "overloaded" || code === "home_unavailable" || code === "no_replica"
  );
}

async function send(url: string, options: RequestInit): Promise<Answer> {
  try {
    const response = await fetch(url, { ...options, signal: AbortSignal.timeout(15_000) });
    const text = await response.text();
    const code = /"code":"(\w+)"/.exec(text)?.[1] ?? "";
    return { status: response.status, code, etag: response.headers.get("etag") ?? undefined };
  } catch (error) {
    return { status: 0, code: (error as Error).name, etag: undefined };
  }
}

function tally(): Tally {
  return { ok: 0, all: 0, failures: new Map() };
}

function note(counts: Tally, isOk: boolean, { status, code }: Answer): void {
  counts.all++;
  if (isOk) counts.ok++;
  else counts.failures.set(`${status} ${code}`, (counts.failures.get(`${status} ${code}`) ?? 0) + 1);
}

export function share({ ok, all }: Pick<Tally, "ok" | "all">): number {
  return all === 0 ? 1 : ok / all;
}
