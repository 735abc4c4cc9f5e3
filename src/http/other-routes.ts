import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { StoreError } from "../errors.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Exchange, Route } from "./exchange.ts";
import { methodNotAllowed } from "./problem-answer.ts";

/** Registers `routes` with Fastify, and what it answers to other methods and other paths. */
export function addRoutes(fastify: FastifyInstance, routes: readonly Route[], dispatcher: Dispatcher): void {
  // Bodies are read by the handlers, within their own limits.
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser("*", (_request, _payload, done) => done(null));

  for (const route of routes) {
    fastify.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        reply.hijack();
        await dispatcher.respond(dispatcher.exchangeOf(request.raw), route.path, (exchange) => {
          checkAccess(route, exchange);
          return route.handle(exchange);
        });
      },
    });
  }
  fastify.setNotFoundHandler(async (request, reply) => {
    reply.hijack();
    const found = routes.filter((route) => isAt(route, request.raw.url!));
    const allow = allowedMethods(found);
    await dispatcher.respond(dispatcher.exchangeOf(request.raw), found[0]?.path ?? "none", () => {
      if (found.length === 0)
        throw new StoreError("no_such_page", "there is nothing at this path; keys are at /kv/KEY");
      if (request.method !== "OPTIONS") throw methodNotAllowed(request.method, allow);
      return { status: 204, headers: { Allow: allow.join(", ") } };
    });
  });
  fastify.setErrorHandler((error, request, reply) => refuse(dispatcher, error, request, reply));
}

function checkAccess({ access }: Route, { grant }: Exchange): void {
  if (access === "admin") grant.checkAdmin();
  else if (access === undefined) grant.checkAll();
}

/** Answers what Fastify itself refuses, such as a malformed `Content-Type`. */
export async function refuse(
  dispatcher: Dispatcher,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  reply.hijack();
  await dispatcher.respond(dispatcher.exchangeOf(request.raw), "none", () => {
    throw asRefusal(error);
  });
}

function allowedMethods(routes: readonly Route[]): string[] {
  const methods = routes.flatMap(({ method }): string[] => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return [...new Set([...methods, "OPTIONS"])];
}

/** A path that ends with `*` stands for all that lie below. */
export function isAt(route: Route, path: string): boolean {
  return route.path.endsWith("*") ? path.startsWith(route.path.slice(0, -1)) : route.path === path;
}

function asRefusal(error: unknown): unknown {
  const { statusCode = 500, message } = error as { statusCode?: number; message: string };
  if (statusCode === 415) return new StoreError("body_type_unsupported", message);
  return statusCode >= 400 && statusCode < 500 ? new StoreError("invalid_target", message) : error;
}
