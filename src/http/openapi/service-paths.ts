import { openOptionsOperation, optionsOperation } from "./key-paths.ts";
import { parameterList } from "./parameters.ts";
import { documentContent, documentHeaders, headerList, openRefusals, refusals, withoutDocuments } from "./responses.ts";
import type { Operation, PathItem, Reference, Response } from "./types.ts";

const text = { type: "string" };

const replicasPath = readOnly(replicasOperation("PathKey", "replicas"));

export const servicePaths: { readonly [path: string]: PathItem } = {
  "/replicas/{key}": {
    ...replicasPath,
    options: { ...replicasPath.options!, parameters: parameterList("PathKey") },
  },
  "/replicas": readOnly(replicasOperation("QueryKey", "replicasByQuery")),
  "/status": readOnly({
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
      ...refusals(403, 406, 500),
    },
  }),
  "/healthz": openToAll(probe("health", "Whether this process answers", "It does.", openRefusals())),
  "/readyz": openToAll(
    probe("readiness", "Whether this front end can serve all keys", "It can.", {
      ...openRefusals(500),
      503: {
        description: "It cannot, and says what is missing.",
        headers: headerList("Retry-After", "Cache-Control"),
        content: { "text/plain": { schema: text } },
      },
    }),
  ),
  "/metrics": readOnly(probe("metrics", "Metrics in the text format of Prometheus", "The metrics.", refusals(403))),
  "/openapi.json": openToAll({
    operationId: "openapi",
    tags: ["service"],
    summary: "This description",
    responses: {
      200: {
        description: "OpenAPI 3.1.",
        headers: headerList("Cache-Control"),
        content: { "application/json": { schema: { type: "object" } } },
      },
      ...openRefusals(),
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
      ...refusals(403, 406, 414, 500),
    },
  };
}

function probe(
  operationId: string,
  summary: string,
  description: string,
  others: { readonly [status: string]: Response | Reference },
): Operation {
  return {
    operationId,
    tags: ["service"],
    summary,
    responses: {
      200: { description, headers: headerList("Cache-Control"), content: { "text/plain": { schema: text } } },
      ...others,
    },
  };
}

/** GET with the HEAD and OPTIONS that go with it. */
function readOnly(get: Operation): PathItem {
  const { description: _, responses, ...operation } = get;
  const { 200: found, ...others } = responses;
  // What a probe says with 503 is no problem document.
  const errors = Object.entries(others).filter(([, response]) => "$ref" in response);
  const [unready] = Object.entries(others).filter(([, response]) => !("$ref" in response));
  return {
    get,
    head: {
      ...operation,
      operationId: `${get.operationId}Head`,
      summary: "What a GET would say, without it",
      responses: {
        200: headOf(found as Response),
        ...withoutDocuments(Object.fromEntries(errors)),
        ...(unready && { [unready[0]]: headOf(unready[1] as Response) }),
      },
    },
    options: optionsOperation(`${get.operationId}Options`, get.tags[0]!),
  };
}

/** The same where no token is needed. */
function openToAll(operation: Operation): PathItem {
  const { get, head, options } = readOnly(operation);
  const { operationId, tags } = options!;
  const open = { security: [] };
  return {
    get: { ...get!, ...open },
    head: { ...head!, ...open },
    options: openOptionsOperation(operationId, tags[0]!),
  };
}

function headOf({ description, headers = {} }: Response): Response {
  return { description, headers };
}
