import { readFileSync } from "node:fs";
import type { Store } from "../store.ts";
import type { Answer } from "./answer.ts";
import type { Route } from "./exchange.ts";
import { negotiateDocument } from "./negotiation.ts";
import { late } from "./other-routes.ts";
import { checkParameters } from "./query.ts";
import { renderStatus } from "./representations/status.ts";
import type { RequestCounts } from "./request-counts.ts";

export interface ServiceOptions {
  readonly store: Store;
  readonly requests: RequestCounts;
  /** How many are open. */
  readonly connections: () => number;
  /** Why the front end is about to go, once it is. */
  readonly stopping: () => string | undefined;
  /** Whether everybody may know what is wrong. */
  readonly isOpen: () => boolean;
}

/** What is asked about the front end itself. */
export function serviceRoutes({ store, requests, connections, stopping, isOpen }: ServiceOptions): Route[] {
  return [
    {
      method: "GET",
      path: "/status",
      access: "admin",
      async handle({ raw, query, grant }) {
        checkParameters(query, ["format"]);
        const format = negotiateDocument(raw.headers.accept, query.get("format"));
        const status = await store.status();
        const { body, headers } = renderStatus(format, status, requests.totals(), (key) => grant.mayRead(key));
        return { status: 200, headers: { ...headers, Vary: "Accept", "Cache-Control": "no-cache" }, body };
      },
    },
    { method: "GET", path: "/healthz", access: "open", handle: () => textAnswer(200, ["healthy"]) },
    {
      method: "GET",
      path: "/readyz",
      access: "open",
      handle() {
        const reason = stopping();
        const missing = reason === undefined ? store.readiness() : [reason];
        return missing.length === 0 ? textAnswer(200, ["ready"]) : textAnswer(503, isOpen() ? missing : ["not ready"]);
      },
    },
    late({ method: "GET", path: "/metrics", access: "admin" }, async () => {
      const { HttpMetrics } = await import("./metrics.ts");
      const metrics = new HttpMetrics(store, requests, connections);
      return async () => {
        const { type, body } = await metrics.text();
        return { status: 200, headers: { "Content-Type": type, "Cache-Control": "no-store" }, body };
      };
    }),
    late({ method: "GET", path: "/openapi.json", access: "open" }, async () => {
      const { openApiDocument } = await import("./openapi.ts");
      const body = JSON.stringify(openApiDocument(ownVersion()));
      const headers = { "Content-Type": "application/json", "Cache-Control": "no-cache" };
      return () => ({ status: 200, headers, body });
    }),
  ];
}

function textAnswer(status: number, lines: readonly string[]): Answer {
  const headers = { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store" };
  return {
    status,
    headers: status === 503 ? { ...headers, "Retry-After": "1" } : headers,
    body: `${lines.join("\n")}\n`,
  };
}

/** Both `src/http` and `dist/http` lie two folders below it. */
function ownVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
