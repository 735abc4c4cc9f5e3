import type { IncomingMessage, ServerResponse } from "node:http";
import { StoreError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Answer } from "./answer.ts";
import { seeBody } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import { type HostCheck, isSafe } from "./host-check.ts";
import type { KeyRoutes } from "./key-routes.ts";
import type { HttpMetrics } from "./metrics.ts";
import { asStoreError, problemAnswer } from "./problem-answer.ts";
import { noQuery } from "./query.ts";
import type { ReplicaRoutes } from "./replica-routes.ts";
import { sendAnswer } from "./send.ts";
import { parseTarget } from "./target.ts";
import { Turns } from "./turns.ts";

export interface DispatcherOptions {
  readonly keys: KeyRoutes;
  readonly replicas: ReplicaRoutes;
  readonly hosts: HostCheck;
  readonly metrics: HttpMetrics;
  readonly logger: Logger;
  readonly logRequests: boolean;
  /** Whether connections close after their answer, because the server stops. */
  readonly isStopping: () => boolean;
  /** What answers the requests that are not for one key, by calling {@link Dispatcher.respond}. */
  readonly others: (raw: IncomingMessage, response: ServerResponse) => void;
}

const knownMethods = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"];
const clientGoneCodes = ["ERR_STREAM_PREMATURE_CLOSE", "ECONNRESET", "EPIPE"];
const keyRoute = "/kv/{key}";
const replicasRoute = "/replicas/{key}";
/** Of errors, only that of a wait that ended tells how long it was. */
const waitedStatus = 503;
const noRoute = "none";

/**
 * Takes every request from Node, and sees to its answer. Those for one key, which are nearly all, go straight to
 * their handler, because a framework costs a sixth to a third of the speed there.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #exchanges = new WeakMap<IncomingMessage, Exchange>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async handle(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const turns = Turns.of(raw.socket);
    const turn = turns.take(isSafe(raw.method));
    if (turn !== undefined) await turn;
    try {
      let exchange: Exchange = { raw, response, query: noQuery };
      let key: string | undefined;
      let isOfReplicas = false;
      try {
        const target = parseTarget(raw.url!);
        exchange = { raw, response, query: target.query };
        key = target.key;
        isOfReplicas = target.path.startsWith("/replicas");
        this.#options.hosts.check(raw, target.authority);
        checkMethod(raw.method!);
        if (key === undefined) raw.url = target.path;
      } catch (error) {
        return await this.respond(exchange, noRoute, () => Promise.reject(error));
      }
      if (key === undefined) await this.#passOn(exchange);
      else if (isOfReplicas) await this.respond(exchange, replicasRoute, this.#answerReplicas, key);
      else await this.respond(exchange, keyRoute, this.#answerKey, key);
    } finally {
      turns.end();
    }
  }

  /** The exchange of a request that was passed on to `others`. */
  exchangeOf(raw: IncomingMessage): Exchange {
    return this.#exchanges.get(raw)!;
  }

  /**
   * Sends what `produce` gives, or the problem document for what it throws. Never rejects. `key` is handed to
   * `produce`, so that the hot path needs no closure.
   */
  async respond(
    exchange: Exchange,
    route: string,
    produce: (exchange: Exchange, key: string) => Promise<Answer> | Answer,
    key = "",
  ): Promise<void> {
    const { metrics, logRequests, isStopping, logger } = this.#options;
    const { raw, response } = exchange;
    const started = performance.now();
    metrics.begin();
    let answer: Answer;
    try {
      answer = await produce(exchange, key);
    } catch (error) {
      answer = this.#problem(error, exchange);
      // A small body that nobody read need not cost the connection.
      await seeBody(raw);
    }
    const { applied } = exchange;
    if (applied !== undefined && (answer.status < 400 || answer.status === waitedStatus)) {
      answer = { ...answer, headers: { ...answer.headers, "Preference-Applied": applied } };
    }
    try {
      const sent = sendAnswer(raw, response, answer, isStopping());
      if (sent !== undefined) await sent;
    } catch (error) {
      this.#breakOff(error, exchange);
    }
    const elapsedMs = performance.now() - started;
    metrics.end(route, raw.method!, answer.status, elapsedMs);
    if (logRequests) logger.info({ method: raw.method, route, status: answer.status, elapsedMs }, "request");
  }

  readonly #answerKey = (exchange: Exchange, key: string) => this.#options.keys.answer(exchange, key);
  readonly #answerReplicas = (exchange: Exchange, key: string) => this.#options.replicas.answer(exchange, key);

  async #passOn(exchange: Exchange): Promise<void> {
    const { raw, response } = exchange;
    this.#exchanges.set(raw, exchange);
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    response.once("close", resolve);
    this.#options.others(raw, response);
    await closed;
  }

  #problem(thrown: unknown, { raw, query }: Exchange): Answer {
    const error = asStoreError(thrown);
    const request = { method: raw.method, url: raw.url };
    if (error.code === "internal") this.#options.logger.error({ ...request, err: error.cause ?? error }, "a fault");
    else if (error.status >= 500)
      this.#options.logger.warn({ ...request, code: error.code, cause: error.cause }, error.message);
    else this.#options.logger.debug({ ...request, code: error.code }, error.message);
    return problemAnswer(error, raw.headers.accept, query.get("format"));
  }

  /** Only a connection that is cut tells the client that the body is not complete. */
  #breakOff(error: unknown, { raw, response }: Exchange): void {
    if (!clientGoneCodes.includes((error as NodeJS.ErrnoException).code ?? "")) {
      this.#options.logger.error({ method: raw.method, url: raw.url, err: error }, "an answer broke off");
    }
    response.destroy();
  }
}

function checkMethod(method: string): void {
  if (!knownMethods.includes(method)) throw new StoreError("not_implemented", `the method ${method} is not known here`);
}
