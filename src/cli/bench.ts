import { randomUUID } from "node:crypto";
import { LoadClient, type LoadResult, runLoad } from "./bench/load-client.ts";
import { type BenchFlags, type BenchOptions, type Mode, readBenchOptions } from "./bench/options.ts";
import { CommandFailure, exitCodes } from "./failure.ts";
import { type Client, refusal } from "./http.ts";

/** Keys are deleted in pages, of which one may fail while a partition changes its state. */
const deleteAttemptsMax = 5;

/** Measures a server that runs, with keys of its own, which it deletes afterwards, also when it is interrupted. */
export async function bench(client: Client, flags: BenchFlags): Promise<number> {
  const options = readBenchOptions(flags);
  // Nobody else's keys begin with it, so that none is replaced or deleted.
  const prefix = `${options.prefix}${randomUUID()}/`;
  await checkServer(client, prefix);
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const load = new LoadClient(client.url, options.connections, client.authorization);
  try {
    const results = await measure(new BenchRun(load, prefix, options, interruption.signal), options);
    const deleted = await deleteKeys(client, prefix);
    print(client.url, options, results, deleted);
    const isDone = !interruption.signal.aborted && results.every(({ errors }) => errors === 0);
    return isDone ? exitCodes.done : exitCodes.notAllDone;
  } catch (error) {
    await deleteKeys(client, prefix).catch((failure: Error) => process.stderr.write(`kvasir: ${failure.message}\n`));
    throw error;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    load.close();
  }
}

/** @throws CommandFailure when nothing answers there, or something else does. */
async function checkServer(client: Client, prefix: string): Promise<void> {
  const response = await client.request("/kv", { query: { prefix }, headers: { Accept: "application/json" } });
  if (!response.ok) throw await refusal("bench", response);
  await response.body?.cancel();
}

interface ModeResult {
  readonly mode: Mode;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly firstError: string | undefined;
}

async function measure(run: BenchRun, { modes }: BenchOptions): Promise<ModeResult[]> {
  await run.fill();
  const results: ModeResult[] = [];
  for (const mode of modes) {
    if (run.isInterrupted) break;
    const { requests, seconds, latency, errors, firstError } = await run.load(mode);
    results.push({
      mode,
      requests,
      requestsPerSecond: requests / seconds,
      p50Ms: requests === 0 ? 0 : latency.percentile(50) / 1000,
      p99Ms: requests === 0 ? 0 : latency.percentile(99) / 1000,
      errors,
      firstError,
    });
  }
  return results;
}

/** The requests of one run. */
class BenchRun {
  readonly #client: LoadClient;
  readonly #path: string;
  readonly #options: BenchOptions;
  readonly #signal: AbortSignal;
  readonly #value: Buffer;

  constructor(client: LoadClient, prefix: string, options: BenchOptions, signal: AbortSignal) {
    this.#client = client;
    this.#path = `/kv/${encodeURIComponent(prefix)}`;
    this.#options = options;
    this.#signal = signal;
    this.#value = Buffer.alloc(options.bytes, "kvasir ");
  }

  get isInterrupted(): boolean {
    return this.#signal.aborted;
  }

  /**
   * Stores every key once.
   *
   * @throws CommandFailure when one could not be.
   */
  async fill(): Promise<void> {
    const { keys, connections } = this.#options;
    let next = 0;
    let failure: Error | undefined;
    const writer = async () => {
      while (next < keys && !this.isInterrupted && failure === undefined) {
        await this.#put(next++).catch((error: Error) => {
          failure ??= error;
        });
      }
    };
    await Promise.all(Array.from({ length: connections }, writer));
    if (failure !== undefined) throw new CommandFailure(`bench: ${(failure as Error).message}`);
  }

  load(mode: Mode): Promise<LoadResult> {
    const { connections, seconds, keys } = this.#options;
    const writes = { get: 0, put: 1, mixed: this.#options.writes / 100 }[mode];
    return runLoad({ connections, seconds, signal: this.#signal }, () => {
      const number = Math.floor(Math.random() * keys);
      return Math.random() < writes ? this.#put(number) : this.#ask("GET", number);
    });
  }

  #put(number: number): Promise<void> {
    return this.#ask("PUT", number, { "Content-Type": "text/plain" }, this.#value);
  }

  async #ask(method: string, number: number, headers: { [name: string]: string } = {}, body?: Buffer): Promise<void> {
    const answer = await this.#client.request(method, `${this.#path}${number}`, headers, body);
    if (answer.status >= 200 && answer.status < 300) return;
    const code = /"code":"(\w+)"/.exec(answer.body.toString("utf8", 0, 2000))?.[1] ?? "";
    throw new Error(`${method} answered ${answer.status} ${code}`.trim());
  }
}

async function deleteKeys(client: Client, prefix: string): Promise<number> {
  let deleted = 0;
  for (let attempt = 1; ; attempt++) {
    const response = await client.request("/kv", { method: "DELETE", query: { prefix } });
    if (response.ok) return deleted + ((await response.json()) as { deleted: number }).deleted;
    if (attempt === deleteAttemptsMax || response.status !== 503) {
      throw await refusal(`bench: the keys that begin with ${JSON.stringify(prefix)} are not all deleted`, response);
    }
    deleted += ((await response.json()) as { deleted?: number }).deleted ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 500 * attempt));
  }
}

function print(url: string, options: BenchOptions, results: readonly ModeResult[], deleted: number): void {
  const { connections, seconds, bytes, keys, writes, json } = options;
  if (json) {
    process.stdout.write(`${JSON.stringify({ url, connections, seconds, bytes, keys, writes, results, deleted })}\n`);
    return;
  }
  const titles = { get: "GET", put: "PUT", mixed: `mixed, ${writes} % PUT` };
  const line = (cells: readonly string[]) => {
    const [title = "", ...figures] = cells;
    return `${title.padEnd(16)}${figures.map((figure) => figure.padStart(12)).join("")}\n`;
  };
  const rows = results.map(({ mode, requestsPerSecond, p50Ms, p99Ms, errors }) =>
    line([titles[mode], requestsPerSecond.toFixed(0), p50Ms.toFixed(2), p99Ms.toFixed(2), String(errors)]),
  );
  const about = `${url}: ${connections} connections, ${keys} keys of ${bytes} bytes, ${seconds} s each\n`;
  process.stdout.write(about + line(["", "requests/s", "p50 ms", "p99 ms", "errors"]) + rows.join(""));
  for (const { mode, firstError } of results) {
    if (firstError !== undefined) process.stderr.write(`kvasir: bench: ${titles[mode]}: first error: ${firstError}\n`);
  }
}
