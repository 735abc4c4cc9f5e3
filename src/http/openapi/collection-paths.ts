import { deleteOperation, getOperation } from "./key-paths.ts";
import { parameterList } from "./parameters.ts";
import { documentContent, headerList, problems } from "./responses.ts";
import { type Operation, reference } from "./types.ts";

const valueOrList = getOperation("OptionalKey", "list");

export const listOperation: Operation = {
  ...valueOrList,
  tags: ["lists"],
  summary: "List keys",
  description:
    "Keys in the order of their bytes, a page at a time: the list ends where no cursor is given. As NDJSON without `limit` it is all of them in one stream. With `key` this is the GET of `/kv/{key}`.",
  parameters: [
    ...parameterList("Prefix", "Delimiter", "Start", "End", "Reverse", "Limit", "Cursor", "Values"),
    ...valueOrList.parameters!,
  ],
  responses: {
    ...valueOrList.responses,
    200: {
      description: "A page of keys; as text one key a line.",
      headers: headerList("Link", "Vary", "Cache-Control"),
      content: {
        ...documentContent("List"),
        "application/x-ndjson": { schema: { type: "string", description: "One ListEntry a line." } },
      },
    },
  },
};

export const createOperation: Operation = {
  operationId: "create",
  tags: ["values"],
  summary: "Create a value",
  description: "Never replaces one. Without a key the server chooses it.",
  parameters: parameterList("WriteConcern", "Format", "Ttl", "TtlHeader", "Metadata", "IdempotencyKey", "Clock"),
  requestBody: {
    required: true,
    content: {
      "application/json": { schema: reference("schemas", "NewRecord") },
      "application/x-www-form-urlencoded": { schema: reference("schemas", "NewRecord") },
    },
  },
  responses: {
    201: {
      description: "Created.",
      headers: headerList("Location", "ETag", "Kvasir-Version", "Kvasir-Clock", "Kvasir-Replicas"),
    },
    ...problems(409, 413, 414, 415, 422, 504, 507),
  },
};

const deleteOne = deleteOperation("OptionalKey", "deletePrefix");

export const deletePrefixOperation: Operation = {
  ...deleteOne,
  tags: ["lists"],
  summary: "Delete all keys with a prefix",
  description: "Page by page, not atomic. With `key` this is the DELETE of `/kv/{key}`.",
  parameters: [...parameterList("Prefix", "Confirm"), ...deleteOne.parameters!],
  responses: {
    ...deleteOne.responses,
    200: {
      description: "How many were deleted.",
      headers: headerList("Vary"),
      content: documentContent("Deleted"),
    },
    ...problems(406, 412, 414, 422, 504, 507),
  },
};

export const batchOperation: Operation = {
  operationId: "batch",
  tags: ["values"],
  summary: "Up to 1000 reads and writes in one request",
  description: "Each has its own status, and none fails another. Those of one key happen in their order.",
  parameters: parameterList("WriteConcern", "ReadConcern", "Clock"),
  requestBody: { required: true, content: { "application/json": { schema: reference("schemas", "Batch") } } },
  responses: {
    200: {
      description: "What each of them answered.",
      headers: headerList("Kvasir-Clock"),
      content: { "application/json": { schema: reference("schemas", "BatchResults") } },
    },
    ...problems(406, 413, 415),
  },
};
