import type { IncomingMessage, ServerResponse } from "node:http";
import { type ErrorCode, StoreError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { withoutTokens } from "../token.ts";
import type { Answer } from "./answer.ts";
import type { Auth } from "./auth.ts";
import { everything, nothing } from "./auth-grant.ts";
import { type BodyReader, seeBody } from "./body.ts";
import type { Cors } from "./cors.ts";
import type { Exchange } from "./exchange.ts";
import { type HostCheck, isSafe } from "./host-check.ts";
import type { KeyRoutes } from "./key-routes.ts";
import { answerAt, type OtherRoutes } from "./other-routes.ts";
import { asStoreError, problemAnswer } from "./problem-answer.ts";
import { noQuery } from "./query.ts";
import type { ReplicaRoutes } from "./replica-routes.ts";
import type { RequestCounts } from "./request-counts.ts";
import { sendAnswer } from "./send.ts";
import { ClientGone } from "./send-large.ts";
import type { SlowReaders } from "./slow-readers.ts";
import { parseTarget } from "./target.ts";
import { Turns } from "./turns.ts";

export interface DispatcherOptions {
  readonly keys: KeyRoutes;
  readonly replicas: ReplicaRoutes;
  readonly hosts: HostCheck;
  /** Without it pages of other sites may read nothing. */
  readonly cors: Cors | undefined;
  readonly auth: Auth;
  readonly bodies: BodyReader;
  readonly readers: SlowReaders;
  /** Requests that are not answered yet; more get 503. */
  readonly requestsMax: number;
  /** A request that has waited longer for those before it on its connection gets 503. */
  readonly queueTimeoutMs: number;
  readonly requests: RequestCounts;
  readonly logger: Logger;
  readonly logRequests: boolean;
  /** Whether connections close after their answer, because the server stops. */
  readonly isStopping: () => boolean;
  readonly others: OtherRoutes;
}

/** Answered also when too much is under way, because whoever asks would restart a front end that only has much to do. */
const healthPaths = ["/healthz", "/readyz"];
const knownMethods = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"];
/** Requests of one connection that are not answered yet: a client that sends more without waiting is cut off. */
const pipelinedMax = 1000;
/** How often the log is told of requests that get 503, for each code. */
const refusalLogMs = 10_000;
const keyRoute = "/kv/{key}";
const replicasRoute = "/replicas/{key}";
/** Of errors, only that of a wait that ended tells how long it was. */
const waitedStatus = 503;
const preflightRoute = "preflight";
const noRoute = "none";

/** Takes every request from Node, and sees to its answer. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #underWay = 0;
  /** When the log was told of 503 with this code, and how many there were since. */
  readonly #refusals = new Map<ErrorCode, { loggedAt: number; count: number }>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Never throws. */
  handle(raw: IncomingMessage, response: ServerResponse): void {
    const turns = Turns.of(raw.socket);
    // Answers go out in order, so that whatever stands behind the first one only grows.
    if (turns.length >= pipelinedMax) {
      raw.socket.destroy();
      return;
    }
    if (this.#underWay >= this.#options.requestsMax && !healthPaths.includes(raw.url!)) {
      this.#refuseExcess(raw, response, turns, "too many requests are under way");
      return;
    }
    this.#underWay++;
    const isAlone = turns.isEmpty;
    const turn = turns.take(isSafe(raw.method));
    if (turn === undefined) this.#begin(raw, response, turns, isAlone);
    else this.#beginLater(turn, raw, response, turns);
  }

  /** Nothing of what has waited too long behind others has begun, and who sent it may have given up. */
  #beginLater(turn: Promise<void>, raw: IncomingMessage, response: ServerResponse, turns: Turns): void {
    const since = performance.now();
    void turn.then(() => {
      const isLate = performance.now() - since > this.#options.queueTimeoutMs;
      if (!isLate) return this.#begin(raw, response, turns, false);
      this.#refuseExcess(raw, response, turns, "requests before it on its connection took too long");
      this.#leave(turns);
    });
  }

  /** Where nothing has to be waited for there is no promise either: they would take a tenth of the time of a GET. */
  #begin(raw: IncomingMessage, response: ServerResponse, turns: Turns, isArriving: boolean): void {
    // What waited for its turn may not be wanted any more.
    if (turns.isOver || raw.socket.destroyed) {
      this.#leave(turns);
      return;
    }
    let exchange: Exchange = { raw, response, query: noQuery, grant: nothing, isArriving };
    let done: Promise<void> | undefined;
    try {
      const target = parseTarget(raw.url!);
      const { auth, hosts, cors, others } = this.#options;
      const { isOpen } = auth;
      exchange = { raw, response, query: target.query, grant: isOpen ? everything : nothing, isArriving };
      hosts.check(raw, target.authority, isOpen);
      checkMethod(raw.method!);
      checkFraming(raw);
      const preflight = raw.method === "OPTIONS" ? cors?.preflight(raw.headers) : undefined;
      // No path of a key is open.
      if (preflight === undefined && !isOpen && (target.key !== undefined || !others.isOpen(target.path))) {
        exchange.grant = auth.grantOf(raw);
        if (target.key !== undefined) exchange.grant.checkMethod(raw.method!, target.key);
      }
      if (preflight !== undefined) done = this.#respond(exchange, preflightRoute, () => preflight);
      else if (target.key === undefined) {
        raw.url = target.path;
        const routes = others.at(target.path);
        done = this.#respond(exchange, routes[0]?.path ?? noRoute, (each) => answerAt(routes, each));
      } else if (target.path.startsWith("/replicas")) {
        done = this.#respond(exchange, replicasRoute, this.#answerReplicas, target.key);
      } else done = this.#respond(exchange, keyRoute, this.#answerKey, target.key);
    } catch (error) {
      // Whoever sent this and whoever passed it on may not agree where it ends, or whom it is for.
      if (error instanceof StoreError && error.code === "invalid_header") {
        response.shouldKeepAlive = false;
        turns.isOver = true;
      }
      done = this.#respond(exchange, noRoute, () => Promise.reject(error));
    }
    if (done === undefined) this.#leave(turns);
    else void done.then(() => this.#leave(turns));
  }

  #leave(turns: Turns): void {
    this.#underWay--;
    turns.end();
  }

  #refuseExcess(raw: IncomingMessage, response: ServerResponse, turns: Turns, reason: string): void {
    if (turns.isOver || raw.socket.destroyed) return;
    const exchange = { raw, response, query: noQuery, grant: nothing, isArriving: false };
    void this.#respond(exchange, noRoute, () => {
      throw new StoreError("overloaded", `${reason}; try again`);
    });
  }

  /**
   * Sends what `produce` gives, or the problem document for what it throws; a promise when it could not be done at
   * once. Never throws or rejects. `key` is handed to `produce`, so that the hot path needs no closure.
   */
  #respond(
    exchange: Exchange,
    route: string,
    produce: (exchange: Exchange, key: string) => Promise<Answer> | Answer,
    key = "",
  ): Promise<void> | undefined {
    const started = performance.now();
    this.#options.requests.begin();
    try {
      const answer = produce(exchange, key);
      if (!(answer instanceof Promise)) return this.#send(exchange, route, answer, started);
      return answer.then(
        (made) => this.#send(exchange, route, made, started),
        (error: unknown) => this.#refuse(exchange, route, error, started),
      );
    } catch (error) {
      return this.#refuse(exchange, route, error, started);
    }
  }

  #refuse(exchange: Exchange, route: string, error: unknown, started: number): Promise<void> | undefined {
    const answer = this.#problem(error, exchange);
    // A small body that nobody read need not cost the connection.
    const seen = seeBody(exchange.raw);
    if (seen === undefined) return this.#send(exchange, route, answer, started);
    return seen.then(() => this.#send(exchange, route, answer, started));
  }

  #send(exchange: Exchange, route: string, answer: Answer, started: number): Promise<void> | undefined {
    const { raw, response, applied } = exchange;
    const { status } = answer;
    const preference = status < 400 || status === waitedStatus ? applied : undefined;
    const { cors, isStopping, readers } = this.#options;
    try {
      const sending = sendAnswer(
        raw,
        response,
        answer,
        preference,
        isStopping(),
        readers,
        cors?.fieldsFor(raw.headers.origin),
      );
      if (sending !== undefined) {
        return sending
          .catch((error: unknown) => this.#breakOff(error, exchange))
          .then(() => this.#end(exchange, route, status, started));
      }
    } catch (error) {
      if (error instanceof StoreError) return this.#refuse(exchange, route, error, started);
      this.#breakOff(error, exchange);
    }
    this.#end(exchange, route, status, started);
    return undefined;
  }

  #end(exchange: Exchange, route: string, status: number, started: number): void {
    const { requests, logRequests, logger, bodies } = this.#options;
    const { method } = exchange.raw;
    if (exchange.heldBytes !== undefined) bodies.release(exchange);
    const elapsedMs = performance.now() - started;
    requests.end(route, method!, status, elapsedMs);
    if (logRequests) logger.info({ method, route, status, elapsedMs }, "request");
  }

  readonly #answerKey = (exchange: Exchange, key: string) => this.#options.keys.answer(exchange, key);
  readonly #answerReplicas = (exchange: Exchange, key: string) => this.#options.replicas.answer(exchange, key);

  #problem(thrown: unknown, { raw, query }: Exchange): Answer {
    const error = asStoreError(thrown);
    const request = loggedRequest(raw);
    if (error.code === "internal") this.#options.logger.error({ ...request, err: error.cause ?? error }, "a fault");
    else if (error.status === 503) this.#logRefusal(error);
    else if (error.status >= 500)
      this.#options.logger.warn({ ...request, code: error.code, cause: error.cause }, error.message);
    else this.#options.logger.debug({ ...request, code: error.code }, error.message);
    return problemAnswer(error, raw.headers.accept, query.get("format"));
  }

  /** The log must not become the next thing that is overloaded. */
  #logRefusal({ code, message, cause }: StoreError): void {
    const now = performance.now();
    const refusals = this.#refusals.get(code) ?? { loggedAt: Number.NEGATIVE_INFINITY, count: 0 };
    this.#refusals.set(code, refusals);
    refusals.count++;
    if (now - refusals.loggedAt < refusalLogMs) return;
    this.#options.logger.warn({ code, refused: refusals.count, cause }, message);
    refusals.loggedAt = now;
    refusals.count = 0;
  }

  /** Only a connection that is cut tells the client that the body is not complete. */
  #breakOff(error: unknown, { raw, response }: Exchange): void {
    if (error instanceof StoreError && error.code === "overloaded") this.#logRefusal(error);
    else if (!(error instanceof ClientGone)) {
      this.#options.logger.error({ ...loggedRequest(raw), err: error }, "an answer broke off");
    }
    response.destroy();
  }
}

/** Somebody may have put a token into the target, which does not help, but is a token all the same. */
function loggedRequest({ method, url }: IncomingMessage): { method: string | undefined; url: string | undefined } {
  return { method, url: url && withoutTokens(url) };
}

function checkMethod(method: string): void {
  if (!knownMethods.includes(method)) throw new StoreError("not_implemented", `the method ${method} is not known here`);
}

/** Node's parser goes by the last coding and passes on what the others made, and takes chunks in HTTP/1.0, which has none. */
function checkFraming({ headers, httpVersion }: IncomingMessage): void {
  const encoding = headers["transfer-encoding"];
  if (encoding === undefined || (encoding.toLowerCase() === "chunked" && httpVersion === "1.1")) return;
  throw new StoreError("invalid_header", "Transfer-Encoding is only accepted in HTTP/1.1, and only as chunked");
}
