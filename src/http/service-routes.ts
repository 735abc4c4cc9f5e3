import { readFileSync } from "node:fs";
import type { Store } from "../store.ts";
import type { Answer } from "./answer.ts";
import type { Route } from "./exchange.ts";
import type { HttpMetrics } from "./metrics.ts";
import { negotiateDocument } from "./negotiation.ts";
import { openApiDocument } from "./openapi.ts";
import { checkParameters } from "./query.ts";
import { renderStatus } from "./representations/status.ts";

/** What is asked about the front end itself. `stopping` tells why it is about to go, once it is. */
export function serviceRoutes(store: Store, metrics: HttpMetrics, stopping: () => string | undefined): Route[] {
  const openApi = JSON.stringify(openApiDocument(ownVersion()));
  return [
    {
      method: "GET",
      path: "/status",
      async handle({ raw, query }) {
        checkParameters(query, ["format"]);
        const format = negotiateDocument(raw.headers.accept, query.get("format"));
        const { body, headers } = renderStatus(format, ...(await Promise.all([store.status(), metrics.requests()])));
        return { status: 200, headers: { ...headers, Vary: "Accept", "Cache-Control": "no-cache" }, body };
      },
    },
    { method: "GET", path: "/healthz", handle: () => textAnswer(200, ["healthy"]) },
    {
      method: "GET",
      path: "/readyz",
      handle() {
        const reason = stopping();
        const missing = reason === undefined ? store.readiness() : [reason];
        return missing.length === 0 ? textAnswer(200, ["ready"]) : textAnswer(503, missing);
      },
    },
    {
      method: "GET",
      path: "/metrics",
      async handle() {
        const { type, body } = await metrics.text();
        return { status: 200, headers: { "Content-Type": type, "Cache-Control": "no-store" }, body };
      },
    },
    {
      method: "GET",
      path: "/openapi.json",
      handle: () => ({
        status: 200,
        headers: { "Content-Type": "application/json", "Cache-Control": "no-cache" },
        body: openApi,
      }),
    },
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
