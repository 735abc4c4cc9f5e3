import { parameterList } from "./parameters.ts";
import { documentContent, headerList, problems } from "./responses.ts";
import type { Operation, PathItem } from "./types.ts";

const text = { type: "string" };

export const servicePaths: { readonly [path: string]: PathItem } = {
  "/status": {
    get: {
      operationId: "status",
      tags: ["service"],
      summary: "The partitions, and what they owe each other",
      parameters: parameterList("Format"),
      responses: {
        200: {
          description: "As this front end sees it.",
          headers: headerList("Vary", "Cache-Control"),
          content: documentContent("Status"),
        },
        ...problems(406),
      },
    },
  },
  "/healthz": { get: probe("health", "Whether this process answers", "It does.") },
  "/readyz": {
    get: {
      ...probe("readiness", "Whether this front end can serve all keys", "It can."),
      responses: {
        200: { description: "It can.", content: { "text/plain": { schema: text } } },
        503: { description: "It cannot, and says what is missing.", content: { "text/plain": { schema: text } } },
      },
    },
  },
  "/metrics": { get: probe("metrics", "Metrics in the text format of Prometheus", "The metrics.") },
  "/openapi.json": {
    get: {
      operationId: "openapi",
      tags: ["service"],
      summary: "This description",
      responses: {
        200: { description: "OpenAPI 3.1.", content: { "application/json": { schema: { type: "object" } } } },
      },
    },
  },
};

function probe(operationId: string, summary: string, description: string): Operation {
  return {
    operationId,
    tags: ["service"],
    summary,
    responses: { 200: { description, content: { "text/plain": { schema: text } } } },
  };
}
