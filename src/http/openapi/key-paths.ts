import { type ParameterName, parameterList } from "./parameters.ts";
import {
  documentContent,
  documentHeaders,
  type HeaderName,
  headerList,
  openRefusals,
  problems,
  refusals,
  withoutDocuments,
} from "./responses.ts";
import type { Operation, Response } from "./types.ts";

const binary = { description: "Any bytes." };

const readHeaders: readonly HeaderName[] = [
  "ETag",
  "Kvasir-Version",
  "Last-Modified",
  "Kvasir-Expires",
  "X-TTL",
  "Kvasir-Meta-NAME",
  "Accept-Ranges",
  "Preference-Applied",
  ...documentHeaders,
];
const writeHeaders: readonly HeaderName[] = [
  "Kvasir-Version",
  "Kvasir-Clock",
  "Kvasir-Replicas",
  "Kvasir-Existed",
  "Preference-Applied",
];
/** What a write that leaves a value behind answers with. */
export const storedHeaders: readonly HeaderName[] = ["ETag", ...writeHeaders];
const conditions = ["IfMatch", "IfNoneMatch"] as const;

/** What an operation on one key takes besides the key. */
export const keyParameters = {
  head: ["ReadConcern", "Format", ...conditions, "IfModifiedSince", "IfUnmodifiedSince", "Clock", "Prefer"],
  get: [
    "ReadConcern",
    "Format",
    ...conditions,
    "IfModifiedSince",
    "IfUnmodifiedSince",
    "Range",
    "IfRange",
    "Clock",
    "Prefer",
  ],
  write: ["WriteConcern", "Format", ...conditions, "IdempotencyKey", "Clock", "Prefer"],
} satisfies { readonly [operation: string]: readonly ParameterName[] };

type KeyParameter = "PathKey" | "QueryKey" | "UnstorageKey";

export const readErrors = [403, 404, 406, 412, 414] as const;
export const deleteErrors = [403, 412, 414, 422, 504, 507] as const;

export const found: Response = {
  description: "The value as it was stored, or the record as a document.",
  headers: headerList(...readHeaders, "Kvasir-Encoding"),
  content: {
    "*/*": { schema: { ...binary, title: "The stored bytes with the stored media type" } },
    ...documentContent("Record"),
    // A stored JSON value goes out as it is, under the same media type as the document.
    "application/json": { schema: { anyOf: [{ $ref: "#/components/schemas/Record" }, {}] } },
  },
};

export const foundPart: Response = {
  description: "The part of the value that Range asks for.",
  headers: headerList(...readHeaders, "Content-Range"),
  content: { "*/*": { schema: binary } },
};

export const notModified: Response = {
  description: "The client's copy is still the current one.",
  headers: headerList("ETag", "Last-Modified", "Vary", "Cache-Control", "Preference-Applied"),
};

export const deleted: Response = {
  description: "Deleted, or not there in the first place.",
  headers: headerList(...writeHeaders),
};

export function getOperation(key: KeyParameter, operationId: string): Operation {
  return {
    operationId,
    tags: ["values"],
    summary: "Read a value",
    description:
      "The stored bytes, unless Accept or `format` ask for a document: the record in JSON, XML or HTML, or its value as text.",
    parameters: parameterList(key, ...keyParameters.get),
    responses: { 200: found, 206: foundPart, 304: notModified, ...problems(...readErrors, 416) },
  };
}

export function headOperation(key: KeyParameter, operationId: string): Operation {
  return {
    operationId,
    tags: ["values"],
    summary: "Read what a GET would say of a value",
    parameters: parameterList(key, ...keyParameters.head),
    responses: {
      200: { description: "The headers of a GET.", headers: found.headers! },
      304: notModified,
      ...withoutDocuments(problems(...readErrors)),
    },
  };
}

export function putOperation(key: KeyParameter, operationId: string): Operation {
  return {
    operationId,
    tags: ["values"],
    summary: "Create or replace a value",
    description:
      "Any bytes, kept with their Content-Type. Metadata and expiry are replaced too: what is not given is gone. Without a Content-Type (or with the one that `curl -d` sends) UTF-8 is stored as text.",
    parameters: parameterList(key, ...keyParameters.write, "Ttl", "TtlHeader", "Metadata"),
    requestBody: { required: false, content: { "*/*": { schema: binary } } },
    responses: {
      201: { description: "Created.", headers: headerList(...storedHeaders) },
      204: {
        description: "Replaced; or stored by a stand-in, which cannot know and leaves Kvasir-Existed out.",
        headers: headerList(...storedHeaders),
      },
      ...problems(403, 412, 413, 414, 415, 422, 504, 507),
    },
  };
}

export function patchOperation(key: KeyParameter, operationId: string): Operation {
  return {
    operationId,
    tags: ["values"],
    summary: "Change a JSON value",
    description:
      "Atomic. Media type, metadata and expiry stay, and so do the digits of numbers that the patch does not touch.",
    parameters: parameterList(key, ...keyParameters.write),
    requestBody: {
      required: true,
      content: {
        "application/merge-patch+json": { schema: { description: "JSON Merge Patch (RFC 7396)." } },
        "application/json-patch+json": {
          schema: { type: "array", maxItems: 1000, items: { type: "object" }, description: "JSON Patch (RFC 6902)." },
        },
      },
    },
    responses: {
      204: { description: "Changed.", headers: headerList(...storedHeaders) },
      ...problems(403, 404, 409, 412, 413, 414, 415, 422, 504, 507),
    },
  };
}

export function deleteOperation(key: KeyParameter, operationId: string): Operation {
  return {
    operationId,
    tags: ["values"],
    summary: "Delete a value",
    parameters: parameterList(key, ...keyParameters.write),
    responses: { 204: deleted, ...problems(...deleteErrors) },
  };
}

export function optionsOperation(operationId: string, tag: string, ...more: HeaderName[]): Operation {
  return {
    operationId,
    tags: [tag],
    summary: "The methods that are allowed here",
    responses: { 204: { description: "They are in Allow.", headers: headerList("Allow", ...more) }, ...refusals() },
  };
}

/** The same of a path where no token is needed. */
export function openOptionsOperation(operationId: string, tag: string): Operation {
  const { responses, ...operation } = optionsOperation(operationId, tag);
  return { ...operation, security: [], responses: { 204: responses[204]!, ...openRefusals() } };
}
