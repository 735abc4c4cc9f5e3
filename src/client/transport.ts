import { mergeClockTexts } from "../clock-token.ts";
import { answerError, KvasirError } from "./error.ts";
import type { CallOptions, ClientOptions } from "./options.ts";

export interface Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** What may be repeated: `always` (reads), `never`, or whatever the server refused without doing anything. */
  readonly repeat: "always" | "refused" | "never";
  /** `Idempotency-Key`, with which a write whose outcome is not known may be repeated too. */
  readonly id?: string | undefined;
  /** Whether the id may be given up, when nothing was written and only the key's home takes writes with one. */
  readonly isIdOptional?: boolean;
}

export interface Answer {
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether an earlier attempt may have been applied. */
  readonly isRepeated: boolean;
}

const timeoutMsDefault = 15_000;
const retriesDefault = 3;
const backOffMs = 50;
const backOffMsMax = 2000;
const timerMsMax = 0x7fff_ffff;
const repeatedStatuses = [0, 408, 429, 502, 503, 504];

/** Sends requests, repeats those that may be repeated, and keeps the client's clock token. */
export class Transport {
  readonly #options: ClientOptions;
  readonly #base: string;
  /** The `Kvasir-Clock` of what this client wrote. */
  clock: string | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#base = options.url.replace(/\/+$/, "");
  }

  /** @throws KvasirError for every answer that is not 2xx, and when there is none. */
  async send(request: Request, call: CallOptions): Promise<Answer> {
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs ?? timeoutMsDefault;
    const retries = this.#options.retries ?? retriesDefault;
    const started = performance.now();
    let { id } = request;
    let mayHaveApplied = false;
    for (let attempt = 0; ; attempt++) {
      const leftMs = timeoutMs - (performance.now() - started);
      const answer = await this.#attempt(request, id, call, Math.max(leftMs, 1));
      if (!(answer instanceof FailedAttempt)) return { ...answer, isRepeated: mayHaveApplied };
      const { error, retryAfterMs } = answer;
      mayHaveApplied ||= error.mayHaveApplied;
      const isIdInTheWay =
        id !== undefined && error.code === "home_unavailable" && request.isIdOptional && !mayHaveApplied;
      const pauseMs = Math.min(backOffMs * 2 ** attempt, backOffMsMax) * (0.5 + Math.random());
      const delayMs = isIdInTheWay ? 0 : Math.max(retryAfterMs, pauseMs);
      const hasTime = performance.now() - started + delayMs < timeoutMs;
      if (attempt >= retries || !hasTime || !isRepeatable(request, id, error)) throw withOutcome(error, mayHaveApplied);
      if (isIdInTheWay) id = undefined;
      // A caller that gives up while it waits is told so by the next attempt.
      await sleep(delayMs, call.signal);
    }
  }

  async #attempt(
    { method, path, headers, body, repeat }: Request,
    id: string | undefined,
    { signal }: CallOptions,
    timeoutMs: number,
  ): Promise<Omit<Answer, "isRepeated"> | FailedAttempt> {
    const isWrite = repeat !== "always";
    if (signal?.aborted)
      return new FailedAttempt(new KvasirError("aborted", "aborted before it was sent", { cause: signal.reason }));
    // What no header can carry is the caller's mistake, and no failure of the network.
    const sent = new Headers({ ...this.#options.headers, ...headers });
    if (this.clock !== undefined) sent.set("Kvasir-Clock", this.clock);
    if (id !== undefined) sent.set("Idempotency-Key", id);
    const timeout = AbortSignal.timeout(Math.ceil(Math.min(timeoutMs, timerMsMax)));
    const fetch = this.#options.fetch ?? globalThis.fetch;
    try {
      const response = await fetch(`${this.#base}${path}`, {
        method,
        headers: sent,
        body: body ?? null,
        // Kvasir never redirects, and a proxy's redirection would lose method or body.
        redirect: "manual",
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      const bytes = new Uint8Array(await response.arrayBuffer());
      this.#learn(response.headers.get("kvasir-clock"));
      if (response.ok) return { headers: response.headers, bytes };
      const error = answerError(response.status, new TextDecoder().decode(bytes), isWrite);
      return new FailedAttempt(error, Number(response.headers.get("retry-after") ?? 0) * 1000 || 0);
    } catch (cause) {
      const details = { cause, mayHaveApplied: isWrite };
      if (signal?.aborted) return new FailedAttempt(new KvasirError("aborted", "aborted on the way", details));
      if (timeout.aborted) return new FailedAttempt(new KvasirError("timeout", "no answer came in time", details));
      const message = `${this.#base} does not answer: ${reason(cause)}`;
      return new FailedAttempt(new KvasirError("network", message, details));
    }
  }

  /** Answers may come in another order than the requests were sent, so that what is known is joined. */
  #learn(text: string | null): void {
    if (text !== null) this.clock = this.clock === undefined ? text : mergeClockTexts(this.clock, text);
  }
}

class FailedAttempt {
  readonly error: KvasirError;
  readonly retryAfterMs: number;

  constructor(error: KvasirError, retryAfterMs = 0) {
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

function isRepeatable({ repeat }: Request, id: string | undefined, error: KvasirError): boolean {
  if (error.code === "aborted" || error.code === "timeout") return false;
  // What is stored is stored: the other replicas are told without us.
  if (repeat === "never" || error.code === "write_concern_unmet") return false;
  return repeatedStatuses.includes(error.status) && (!error.mayHaveApplied || id !== undefined);
}

function withOutcome(error: KvasirError, mayHaveApplied: boolean): KvasirError {
  if (error.mayHaveApplied === mayHaveApplied) return error;
  const { code, message, status, details, cause } = error;
  return new KvasirError(code, message, { status, details, cause, mayHaveApplied });
}

function reason(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string } };
  return cause?.code ?? message ?? String(error);
}

/** Ends early when `signal` is aborted. */
export function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, signal?.aborted ? 0 : delayMs);
    signal?.addEventListener("abort", end);
  });
}
