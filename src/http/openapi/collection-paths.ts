import {
  deleted,
  deleteErrors,
  found,
  foundPart,
  keyParameters,
  notModified,
  readErrors,
  storedHeaders,
} from "./key-paths.ts";
import { keyOnlyParameters, parameterList } from "./parameters.ts";
import { documentContent, documentHeaders, headerList, problems, refusals, withoutDocuments } from "./responses.ts";
import { type Operation, reference, type Schema } from "./types.ts";

const listParameters = parameterList(
  "Prefix",
  "Delimiter",
  "Start",
  "End",
  "Reverse",
  "Limit",
  "Cursor",
  "Values",
  "Format",
  "OptionalKey",
);
const listHeaders = { ...headerList("Link", ...documentHeaders), ...found.headers };
const lines: Schema = { type: "string", description: "One ListEntry, or one `prefix`, a line." };
const listOrRecord: Schema = { anyOf: [reference("schemas", "List"), reference("schemas", "Record"), {}] };

export const listOperation: Operation = {
  operationId: "list",
  tags: ["lists"],
  summary: "List keys",
  description:
    "Keys in the order of their bytes, a page at a time: the list ends where no cursor is given. As NDJSON without `limit` it is all of them in one stream. With `key` this is the GET of `/kv/{key}`.",
  parameters: [...listParameters, ...withoutFormat(keyParameters.get)],
  responses: {
    200: {
      description: "A page of keys; as text one key a line. With `key`: its value.",
      headers: listHeaders,
      content: {
        ...documentContent("List"),
        "application/x-ndjson": { schema: lines },
        "*/*": { schema: { description: "The stored bytes of `key`." } },
        "application/json": { schema: listOrRecord },
      },
    },
    206: foundPart,
    304: notModified,
    ...problems(...readErrors, 416),
  },
};

export const listHeadOperation: Operation = {
  operationId: "listHead",
  tags: ["lists"],
  summary: "Read what a GET would say of a list, or with `key` of a value",
  parameters: [...listParameters, ...withoutFormat(keyParameters.head)],
  responses: {
    200: { description: "The headers of a GET.", headers: listHeaders },
    304: notModified,
    ...withoutDocuments(problems(...readErrors)),
  },
};

export const createOperation: Operation = {
  operationId: "create",
  tags: ["values"],
  summary: "Create a value",
  description: "Never replaces one. Without a key the server chooses it.",
  parameters: parameterList(
    "WriteConcern",
    "Format",
    "Ttl",
    "TtlHeader",
    "Metadata",
    "IdempotencyKey",
    "Clock",
    "Prefer",
  ),
  requestBody: {
    required: true,
    content: {
      "application/json": { schema: reference("schemas", "NewRecord") },
      "application/x-www-form-urlencoded": { schema: reference("schemas", "NewRecord") },
    },
  },
  responses: {
    201: { description: "Created.", headers: headerList("Location", ...storedHeaders) },
    ...problems(403, 409, 413, 414, 415, 422, 504, 507),
  },
};

export const deletePrefixOperation: Operation = {
  operationId: "deletePrefix",
  tags: ["lists"],
  summary: "Delete all keys with a prefix",
  description: "Page by page, not atomic. With `key` this is the DELETE of `/kv/{key}`.",
  parameters: [
    ...parameterList("Prefix", "Confirm", "OptionalKey", "WriteConcern", "Format", "Clock", "Prefer"),
    ...keyOnlyParameters("IfMatch", "IfNoneMatch", "IdempotencyKey"),
  ],
  responses: {
    200: {
      description: "How many were deleted.",
      headers: headerList(...documentHeaders, "Preference-Applied"),
      content: documentContent("Deleted"),
    },
    204: { ...deleted, description: "With `key`: deleted, or not there in the first place." },
    ...problems(...deleteErrors, 406),
  },
};

export const batchOperation: Operation = {
  operationId: "batch",
  tags: ["values"],
  summary: "Up to 1000 reads and writes in one request",
  description:
    "Each has its own status, and none fails another. Those of one key happen in their order, the rest at once. With an Idempotency-Key each write is applied once, when the same batch comes again.",
  parameters: parameterList("WriteConcern", "ReadConcern", "Format", "IdempotencyKey", "Clock", "Prefer"),
  requestBody: { required: true, content: { "application/json": { schema: reference("schemas", "Batch") } } },
  responses: {
    200: {
      description: "What each of them answered.",
      headers: headerList("Kvasir-Clock", "Preference-Applied", "Cache-Control", "X-Content-Type-Options"),
      content: { "application/json": { schema: reference("schemas", "BatchResults") } },
    },
    ...refusals(403, 413, 415),
  },
};

/** The list has the parameter `format` itself. */
function withoutFormat(names: (typeof keyParameters)["get" | "head"]) {
  return keyOnlyParameters(...names.filter((name) => name !== "Format"));
}
