import { deleteOperation, found, foundPart, notModified, optionsOperation, putOperation } from "./key-paths.ts";
import { type ParameterName, parameterList } from "./parameters.ts";
import { headerList, problems, withoutDocuments } from "./responses.ts";
import type { Operation, PathItem, Response } from "./types.ts";

const conditions: readonly ParameterName[] = ["IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince"];
const stored: Response = {
  description: "The stored bytes; with `Accept: application/octet-stream` under that type.",
  headers: found.headers!,
  content: { "*/*": { schema: { description: "Any bytes." } } },
};
const keys: Response = {
  description: "All of them in one answer, relative to the namespace, with slashes where unstorage has colons.",
  headers: headerList("Cache-Control", "X-Content-Type-Options"),
  content: { "application/json": { schema: { type: "array", items: { type: "string" } } } },
};

/** The mount for unstorage's `http` driver. */
export const unstoragePaths: { readonly [path: string]: PathItem } = {
  "/unstorage/{namespace}/{key}": {
    get: {
      operationId: "unstorageGet",
      tags: ["unstorage"],
      summary: "Read a value, without negotiation",
      description: "It is the value of `/kv/{namespace}/{key}`.",
      parameters: parameterList(
        "Namespace",
        "UnstorageKey",
        "ReadConcern",
        ...conditions,
        "Range",
        "IfRange",
        "Clock",
        "Prefer",
      ),
      responses: { 200: stored, 206: foundPart, 304: notModified, ...problems(404, 412, 414, 416) },
    },
    head: {
      operationId: "unstorageHead",
      tags: ["unstorage"],
      summary: "Whether there is a value, and what a GET would say of it",
      parameters: parameterList("Namespace", "UnstorageKey", "ReadConcern", ...conditions, "Clock", "Prefer"),
      responses: {
        200: { description: "There is.", headers: stored.headers! },
        304: notModified,
        ...withoutDocuments(problems(404, 412, 414)),
      },
    },
    put: inNamespace(putOperation("UnstorageKey", "unstorageSet")),
    delete: inNamespace(deleteOperation("UnstorageKey", "unstorageRemove")),
    options: {
      ...optionsOperation("unstorageOptions", "unstorage"),
      parameters: parameterList("Namespace", "UnstorageKey"),
    },
  },
  "/unstorage/{namespace}/:": {
    get: {
      operationId: "unstorageKeys",
      tags: ["unstorage"],
      summary: "List all keys of a namespace, or below a base of it",
      description: "Those below a base are at `/unstorage/{namespace}/{base}/:`.",
      parameters: parameterList("Namespace"),
      responses: { 200: keys, ...problems(414) },
    },
    head: {
      operationId: "unstorageKeysHead",
      tags: ["unstorage"],
      summary: "What a GET would say of the list",
      parameters: parameterList("Namespace"),
      responses: { 200: { description: keys.description, headers: keys.headers! }, ...withoutDocuments(problems(414)) },
    },
    delete: {
      operationId: "unstorageClear",
      tags: ["unstorage"],
      summary: "Delete all keys of a namespace, or below a base of it",
      description: "Page by page, not atomic. Those below a base are at `/unstorage/{namespace}/{base}/:`.",
      parameters: parameterList("Namespace", "WriteConcern", "Clock", "Prefer"),
      responses: {
        204: {
          description: "There are none left of those that were there.",
          headers: headerList("Preference-Applied"),
        },
        ...problems(403, 414, 504, 507),
      },
    },
    options: { ...optionsOperation("unstorageKeysOptions", "unstorage"), parameters: parameterList("Namespace") },
  },
};

function inNamespace({ parameters = [], ...operation }: Operation): Operation {
  // Nothing here is negotiated.
  const kept = parameters.filter((parameter) => !("$ref" in parameter && parameter.$ref.endsWith("/Format")));
  return { ...operation, tags: ["unstorage"], parameters: [...parameterList("Namespace"), ...kept] };
}
