import { optionsOperation } from "./key-paths.ts";
import { parameterList } from "./parameters.ts";
import { documentContent, documentHeaders, headerList, headProblems, problems } from "./responses.ts";
import type { Operation, PathItem, Response } from "./types.ts";

const text = { type: "string" };

export const servicePaths: { readonly [path: string]: PathItem } = {
  "/replicas/{key}": readOnly(replicasOperation("PathKey", "replicas"), 406, 414),
  "/replicas": readOnly(replicasOperation("QueryKey", "replicasByQuery"), 406, 414),
  "/status": readOnly(
    {
      operationId: "status",
      tags: ["service"],
      summary: "The partitions, and what they owe each other",
      parameters: parameterList("Format"),
      responses: {
        200: {
          description: "As this front end sees it.",
          headers: headerList(...documentHeaders),
          content: documentContent("Status"),
        },
        ...problems(406),
      },
    },
    406,
  ),
  "/healthz": readOnly(probe("health", "Whether this process answers", "It does.")),
  "/readyz": readOnly(
    probe("readiness", "Whether this front end can serve all keys", "It can.", {
      description: "It cannot, and says what is missing.",
      headers: headerList("Retry-After", "Cache-Control", ...documentHeaders),
      content: { "text/plain": { schema: text } },
    }),
  ),
  "/metrics": readOnly(probe("metrics", "Metrics in the text format of Prometheus", "The metrics.")),
  "/openapi.json": readOnly({
    operationId: "openapi",
    tags: ["service"],
    summary: "This description",
    responses: {
      200: {
        description: "OpenAPI 3.1.",
        headers: headerList("Cache-Control"),
        content: { "application/json": { schema: { type: "object" } } },
      },
      ...problems(),
    },
  }),
};

function replicasOperation(key: "PathKey" | "QueryKey", operationId: string): Operation {
  return {
    operationId,
    tags: ["values"],
    summary: "What each replica holds of a key",
    description: "Home first. Every replica that can be reached is asked, whatever its state.",
    parameters: parameterList(key, "Format"),
    responses: {
      200: {
        description: "As the replicas answered now.",
        headers: headerList(...documentHeaders),
        content: documentContent("Replicas"),
      },
      ...problems(406, 414),
    },
  };
}

function probe(operationId: string, summary: string, description: string, unready?: Response): Operation {
  return {
    operationId,
    tags: ["service"],
    summary,
    responses: {
      200: { description, headers: headerList("Cache-Control"), content: { "text/plain": { schema: text } } },
      ...problems(),
      ...(unready && { 503: unready }),
    },
  };
}

/** GET with the HEAD and OPTIONS that go with it. */
function readOnly(get: Operation, ...errors: number[]): PathItem {
  const { description: _, ...operation } = get;
  const { headers = {} } = get.responses[200] as Response;
  return {
    get,
    head: {
      ...operation,
      operationId: `${get.operationId}Head`,
      summary: "What a GET would say, without it",
      responses: { 200: { description: "The headers of a GET.", headers }, ...headProblems(...errors) },
    },
    options: optionsOperation(`${get.operationId}Options`, get.tags[0]!),
  };
}
