import { LoadClient, runLoad } from "../../src/cli/bench/load-client.ts";
import type { MariadbServer } from "../../test/support/mariadb.ts";
import { cpuSeconds, type Served } from "../processes.ts";
import type { Load, LoadSpec, Subject } from "../subject.ts";
import { type Dialect, keyOf, type WrkResult, wrk } from "../wrk.ts";

const fillSecondsMax = 300;
/** So many keys are asked for with their tags. */
const taggedMax = 100;
const settleMsMax = 60_000;

export interface HttpSubjectOptions {
  readonly dialect: Dialect;
  /** What answers. Several when one stands before another. */
  readonly servers: readonly Served[];
  readonly databases?: readonly MariadbServer[];
  /** Whether nothing is left to do in the background. */
  readonly isSettled?: () => Promise<boolean>;
  /** Sizes of values whose keys are there from the start. */
  readonly filled?: readonly string[];
}

/** A server that is loaded by wrk. The first of `servers` is asked. */
export class HttpSubject implements Subject {
  readonly #options: HttpSubjectOptions;
  readonly #filled: Set<string>;
  #salt = 100_000_000;

  constructor(options: HttpSubjectOptions) {
    this.#options = options;
    this.#filled = new Set(options.filled);
  }

  get url(): string {
    return this.#options.servers[0]!.url;
  }

  get pids(): readonly number[] {
    return this.#options.servers.map(({ pid }) => pid);
  }

  async fill(spec: LoadSpec): Promise<void> {
    const name = fillName(spec);
    if (this.#filled.has(name)) return;
    const { url } = this;
    const { dialect } = this.#options;
    // Those that are under way at the end of a stretch may not have arrived, and are sent again.
    const connections = spec.bytes < 65_536 ? 64 : 2;
    const deadline = performance.now() + fillSecondsMax * 1000;
    let seconds = 1;
    for (let done = 0; done < spec.keys; ) {
      if (performance.now() > deadline) throw new Error(`${done} of ${spec.keys} keys in ${fillSecondsMax} s`);
      const { requests } = await wrk(
        { ...spec, operation: "fill", connections },
        { url, dialect, seconds, salt: done },
      );
      if (requests > connections) done += requests - connections;
      else seconds *= 2;
    }
    this.#filled.add(name);
    await this.settle();
  }

  async load(spec: LoadSpec, seconds: number): Promise<Load> {
    const { dialect, databases } = this.#options;
    const { operation } = spec;
    const databasePids = databases?.map(({ pid }) => pid!);
    this.#salt += 10_000_000;
    const etags = operation === "conditional" ? await this.#etags(spec) : [];
    const serverBefore = cpuSeconds(this.pids);
    const databaseBefore = cpuSeconds(databasePids ?? []);
    const result =
      operation === "head"
        ? await loadHead(this.url, spec, seconds)
        : await wrk({ ...spec, operation }, { url: this.url, dialect, seconds, salt: this.#salt, etags });
    const each = (cpu: number) => (cpu / Math.max(1, result.requests)) * 1e6;
    const refused = operation === "miss" ? result.requests - result.refused : result.refused;
    return {
      requestsPerSecond: result.requests / result.seconds,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      failures: result.requests === 0 ? spec.connections : refused + result.broken,
      cpuMicroseconds: each(cpuSeconds(this.pids) - serverBefore),
      databaseCpuMicroseconds: databasePids && each(cpuSeconds(databasePids) - databaseBefore),
    };
  }

  async settle(): Promise<void> {
    const { isSettled } = this.#options;
    if (isSettled === undefined) return;
    const deadline = performance.now() + settleMsMax;
    while (!(await isSettled()) && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 100));
  }

  async stop(): Promise<void> {
    for (const server of this.#options.servers) await server.stop();
  }

  async #etags({ keys, bytes }: LoadSpec): Promise<string[]> {
    const etags: string[] = [];
    for (let number = 0; number < Math.min(keys, taggedMax); number++) {
      const response = await fetch(`${this.url}/kv/${keyOf(number, bytes)}`, { method: "HEAD" });
      etags.push(response.headers.get("etag") ?? "");
    }
    return etags;
  }
}

/** By a client on `node:http`: wrk waits for the body that the answer's length speaks of. */
async function loadHead(url: string, { keys, bytes, connections }: LoadSpec, seconds: number): Promise<WrkResult> {
  const client = new LoadClient(url, connections);
  const result = await runLoad({ connections, seconds }, async () => {
    const { status } = await client.request("HEAD", `/kv/${keyOf(Math.floor(Math.random() * keys), bytes)}`);
    if (status !== 200) throw new Error(`HEAD answered ${status}`);
  });
  client.close();
  const { requests, errors, latency } = result;
  const [p50Ms, p99Ms] = [50, 99].map((percent) => latency.percentile(percent) / 1000);
  return { requests, seconds: result.seconds, p50Ms: p50Ms!, p99Ms: p99Ms!, refused: errors, broken: 0 };
}

export function fillName({ keys, bytes }: Pick<LoadSpec, "keys" | "bytes">): string {
  return `${keys} of ${bytes}`;
}
