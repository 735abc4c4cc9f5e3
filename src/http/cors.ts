import type { IncomingHttpHeaders } from "node:http";
import type { Answer } from "./answer.ts";

/** So long a browser need not ask again; none keeps it longer. */
const keptSeconds = 7200;
const methods = "GET, HEAD, PUT, POST, PATCH, DELETE";

/**
 * Lets pages of the configured origins use the interface, and read all headers of its answers. Never with what a browser
 * would add by itself, such as passwords that it remembers: a page gives its token with each request. So `*` may
 * stand for all headers (Fetch standard, section 3.3), which the names of metadata need.
 */
export class Cors {
  /** What the answers to each origin say, made once. */
  readonly #fields: ReadonlyMap<string, readonly string[]>;
  readonly #otherFields = ["Vary", "Origin"];

  constructor(origins: readonly string[]) {
    this.#fields = new Map(
      origins.map((origin) => [
        origin,
        [...this.#otherFields, "Access-Control-Allow-Origin", origin, "Access-Control-Expose-Headers", "*"],
      ]),
    );
  }

  allows(origin: string): boolean {
    return this.#fields.has(origin);
  }

  /** What goes with every answer: also that to others, because caches keep both. */
  fieldsFor(origin: string | undefined): readonly string[] {
    return (origin === undefined ? undefined : this.#fields.get(origin)) ?? this.#otherFields;
  }

  /** The answer to a browser that asks what it may send for a page; it has no token with it. */
  preflight({ origin, "access-control-request-method": method }: IncomingHttpHeaders): Answer | undefined {
    if (method === undefined || origin === undefined || !this.allows(origin)) return undefined;
    return {
      status: 204,
      headers: [
        "Access-Control-Allow-Methods",
        methods,
        "Access-Control-Allow-Headers",
        "*, Authorization",
        "Access-Control-Max-Age",
        String(keptSeconds),
      ],
    };
  }
}
