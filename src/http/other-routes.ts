import { StoreError } from "../errors.ts";
import type { Answer } from "./answer.ts";
import type { Exchange, Route } from "./exchange.ts";
import { methodNotAllowed } from "./problem-answer.ts";

/** The routes of all paths but those of keys, and what is answered to other methods and other paths. */
export class OtherRoutes {
  readonly #exact: ReadonlyMap<string, readonly Route[]>;
  /** Those that stand for all paths below theirs, too. */
  readonly #below: readonly Route[];

  constructor(routes: readonly Route[]) {
    this.#exact = Map.groupBy(
      routes.filter(({ path }) => !path.endsWith("*")),
      ({ path }) => path,
    );
    this.#below = routes.filter(({ path }) => path.endsWith("*"));
  }

  /**
   * The routes of a raw path, which differ in their methods.
   *
   * @throws StoreError `invalid_target` for malformed percent-encoding.
   */
  at(path: string): readonly Route[] {
    return this.#find(path.includes("%") ? decodePath(path) : path);
  }

  /** Whether no token is needed there. */
  isOpen(path: string): boolean {
    return this.#find(path).some(({ access }) => access === "open");
  }

  #find(path: string): readonly Route[] {
    return this.#exact.get(path) ?? this.#below.filter((route) => path.startsWith(route.path.slice(0, -1)));
  }
}

/** What the route of the request's method answers, one of those that its path has. @throws StoreError */
export function answerAt(routes: readonly Route[], exchange: Exchange): Promise<Answer> | Answer {
  const method = exchange.raw.method!;
  const wanted = method === "HEAD" ? "GET" : method;
  const route = routes.find((each) => each.method === wanted);
  if (route !== undefined) {
    checkAccess(route, exchange);
    return route.handle(exchange);
  }
  if (routes.length === 0) throw new StoreError("no_such_page", "there is nothing at this path; keys are at /kv/KEY");
  const allow = allowedMethods(routes);
  if (method !== "OPTIONS") throw methodNotAllowed(method, allow);
  return { status: 204, headers: { Allow: allow.join(", ") } };
}

/** A route whose code is loaded with its first request: the start has no time for all that it needs. */
export function late(facts: Omit<Route, "handle">, load: () => Promise<Route["handle"]>): Route {
  let handle: Promise<Route["handle"]> | undefined;
  return {
    ...facts,
    async handle(exchange) {
      handle ??= load();
      return (await handle)(exchange);
    },
  };
}

function checkAccess({ access }: Route, { grant }: Exchange): void {
  if (access === "admin") grant.checkAdmin();
  else if (access === undefined) grant.checkAll();
}

function allowedMethods(routes: readonly Route[]): string[] {
  const methods = routes.flatMap(({ method }): string[] => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return [...new Set([...methods, "OPTIONS"])];
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new StoreError("invalid_target", "the path has a percent sign that encodes nothing, or is not UTF-8");
  }
}
