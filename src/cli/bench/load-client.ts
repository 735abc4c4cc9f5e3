import * as http from "node:http";
import * as https from "node:https";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

const answerTimeoutMs = 30_000;
/** Connections may break now and then; when nothing else happens any more, going on is of no use. */
const brokenInARowMax = 100;

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** HTTP/1.1 (or HTTPS) over a fixed number of connections that stay open, one request at a time on each. */
export class LoadClient {
  readonly #agent: http.Agent;
  readonly #request: typeof http.request;
  readonly #authorization: { readonly [name: string]: string };
  readonly #target: { readonly hostname: string; readonly port: string; readonly base: string };

  /** Each request has the fields of `authorization`. */
  constructor(url: string, connections: number, authorization: { readonly [name: string]: string } = {}) {
    this.#authorization = authorization;
    const { protocol, hostname, port, pathname } = new URL(url);
    const { Agent, request } = protocol === "https:" ? https : http;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: "fifo" });
    this.#request = request;
    this.#target = { hostname: hostname.replace(/^\[|\]$/g, ""), port, base: pathname.replace(/\/$/, "") };
  }

  /** Rejects when there is no answer, or none within 30 s. */
  request(method: string, path: string, headers: { [name: string]: string } = {}, body?: Buffer): Promise<Answer> {
    const { hostname, port, base } = this.#target;
    const length = body === undefined ? {} : { "Content-Length": String(body.length) };
    return new Promise((resolve, reject) => {
      const options = {
        agent: this.#agent,
        hostname,
        port,
        method,
        path: base + path,
        headers: { ...headers, ...this.#authorization, ...length },
      };
      const sent = this.#request({ ...options, timeout: answerTimeoutMs }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode!, body: Buffer.concat(chunks) }));
        response.on("error", reject);
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer within 30 s")));
      sent.on("error", reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** In microseconds, of the requests that succeeded. */
  readonly latency: RecordableHistogram;
  readonly errors: number;
  /** What went wrong first. */
  readonly firstError: string | undefined;
}

/**
 * Has `connections` callers do `operation` again and again. An operation that throws counts as an error. Ends early
 * when a hundred in a row have failed.
 */
export async function runLoad(
  { connections, seconds, signal }: LoadOptions,
  operation: () => Promise<void>,
): Promise<LoadResult> {
  const latency = createHistogram();
  const started = performance.now();
  const end = started + seconds * 1000;
  let errors = 0;
  let errorsInARow = 0;
  let firstError: string | undefined;
  const caller = async () => {
    let last = performance.now();
    while (last < end && signal?.aborted !== true && errorsInARow < brokenInARowMax) {
      let isDone = true;
      try {
        await operation();
        errorsInARow = 0;
      } catch (error) {
        isDone = false;
        errors++;
        errorsInARow++;
        firstError ??= (error as Error).message;
      }
      const now = performance.now();
      if (isDone) latency.record(Math.max(1, Math.round((now - last) * 1000)));
      last = now;
    }
  };
  await Promise.all(Array.from({ length: connections }, caller));
  const took = (performance.now() - started) / 1000;
  return { requests: latency.count, seconds: took, latency, errors, firstError };
}
