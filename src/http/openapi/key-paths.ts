import { parameterList } from "./parameters.ts";
import { documentContent, headerList, problems } from "./responses.ts";
import type { Operation, Response } from "./types.ts";

const binary = { description: "Any bytes." };

const recordHeaders = [
  "ETag",
  "Kvasir-Version",
  "Last-Modified",
  "Vary",
  "Cache-Control",
  "Kvasir-Expires",
  "X-TTL",
  "Kvasir-Meta-NAME",
] as const;
const writeHeaders = ["ETag", "Kvasir-Version", "Kvasir-Clock", "Kvasir-Replicas"] as const;
const conditions = ["IfMatch", "IfNoneMatch"] as const;
const writeParameters = ["WriteConcern", "Format", ...conditions, "IdempotencyKey", "Clock"] as const;
const readParameters = [
  "ReadConcern",
  "Format",
  ...conditions,
  "IfModifiedSince",
  "IfUnmodifiedSince",
  "Range",
  "IfRange",
  "Clock",
] as const;

type KeyParameter = "PathKey" | "QueryKey" | "OptionalKey";

const found: Response = {
  description: "The value as it was stored, or the record as a document.",
  headers: headerList(...recordHeaders, "Kvasir-Encoding", "Accept-Ranges"),
  content: {
    "*/*": { schema: { ...binary, title: "The stored bytes with the stored media type" } },
    ...documentContent("Record"),
    // A stored JSON value goes out as it is, under the same media type as the document.
    "application/json": { schema: { anyOf: [{ $ref: "#/components/schemas/Record" }, {}] } },
  },
};

const notModified: Response = {
  description: "The client's copy is still the current one.",
  headers: headerList("ETag", "Vary", "Cache-Control"),
};

export function getOperation(key: KeyParameter, operationId: string): Operation {
  return {
    operationId,
    tags: ["values"],
    summary: "Read a value",
    description:
      "The stored bytes, unless Accept or `format` ask for a document: the record in JSON, XML or HTML, or its value as text.",
    parameters: parameterList(key, ...readParameters),
    responses: {
      200: found,
      206: {
        description: "The part of the value that Range asks for.",
        headers: headerList(...recordHeaders, "Content-Range"),
        content: { "*/*": { schema: binary } },
      },
      304: notModified,
      ...problems(404, 406, 412, 414, 416),
    },
  };
}

export function headOperation(key: KeyParameter, operationId: string): Operation {
  const { content: _, ...head } = found;
  const empty = Object.keys(problems(404, 406, 412, 414)).map((status) => [status, { description: "As for GET." }]);
  return {
    operationId,
    tags: ["values"],
    summary: "Read what a GET would say of a value",
    parameters: parameterList(key, ...readParameters.filter((name) => name !== "Range" && name !== "IfRange")),
    responses: {
      200: { ...head, description: "The headers of a GET." },
      304: notModified,
      ...Object.fromEntries(empty),
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
    parameters: parameterList(key, ...writeParameters, "Ttl", "TtlHeader", "Metadata"),
    requestBody: { required: false, content: { "*/*": { schema: binary } } },
    responses: {
      201: { description: "Created.", headers: headerList(...writeHeaders) },
      204: {
        description: "Replaced; or stored by a stand-in, which cannot know and leaves Kvasir-Existed out.",
        headers: headerList(...writeHeaders, "Kvasir-Existed"),
      },
      ...problems(412, 413, 414, 415, 422, 504, 507),
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
    parameters: parameterList(key, ...writeParameters),
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
      204: { description: "Changed.", headers: headerList(...writeHeaders) },
      ...problems(404, 409, 412, 413, 414, 415, 422, 504, 507),
    },
  };
}

export function deleteOperation(key: KeyParameter, operationId: string): Operation {
  return {
    operationId,
    tags: ["values"],
    summary: "Delete a value",
    parameters: parameterList(key, ...writeParameters),
    responses: {
      204: {
        description: "Deleted, or not there in the first place.",
        headers: headerList("Kvasir-Existed", "Kvasir-Version", "Kvasir-Clock", "Kvasir-Replicas"),
      },
      ...problems(412, 414, 422, 504, 507),
    },
  };
}

export function optionsOperation(operationId: string, tag: string): Operation {
  return {
    operationId,
    tags: [tag],
    summary: "The methods that are allowed here",
    responses: { 204: { description: "They are in Allow.", headers: headerList("Allow") }, ...problems() },
  };
}
