import {
  batchOperation,
  createOperation,
  deletePrefixOperation,
  listHeadOperation,
  listOperation,
} from "./openapi/collection-paths.ts";
import {
  deleteOperation,
  getOperation,
  headOperation,
  optionsOperation,
  patchOperation,
  putOperation,
} from "./openapi/key-paths.ts";
import { parameterList, parameters } from "./openapi/parameters.ts";
import { headers, responses } from "./openapi/responses.ts";
import { schemas } from "./openapi/schemas.ts";
import { servicePaths } from "./openapi/service-paths.ts";
import type { OpenApiDocument } from "./openapi/types.ts";
import { unstoragePaths } from "./openapi/unstorage-paths.ts";

/** The description of Kvasir's HTTP interface in OpenAPI 3.1; `version` is that of the software. */
export function openApiDocument(version: string): OpenApiDocument {
  return {
    openapi: "3.1.0",
    info: {
      title: "Kvasir",
      version,
      summary: "A key-value store over MySQL, MariaDB and SQLite",
      description:
        "Values, lists, status and errors come in JSON, XML, HTML or plain text, as `Accept` or `?format=` asks. Errors are problem details (RFC 9457) with a stable `code`.",
      license: { name: "MIT License", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    // None at all while the store has no tokens.
    security: [{ bearer: [] }, { basic: [] }, {}],
    tags: [
      { name: "values", description: "One key, or a batch of them" },
      { name: "lists", description: "Many keys" },
      { name: "unstorage", description: "The mount for unstorage's `http` driver" },
      { name: "service", description: "The front end itself" },
    ],
    paths: {
      "/kv/{key}": {
        get: getOperation("PathKey", "get"),
        head: headOperation("PathKey", "head"),
        put: putOperation("PathKey", "put"),
        patch: patchOperation("PathKey", "patch"),
        delete: deleteOperation("PathKey", "delete"),
        options: { ...optionsOperation("keyOptions", "values", "Accept-Patch"), parameters: parameterList("PathKey") },
      },
      "/kv": {
        get: listOperation,
        head: listHeadOperation,
        put: putOperation("QueryKey", "putByQuery"),
        post: createOperation,
        patch: patchOperation("QueryKey", "patchByQuery"),
        delete: deletePrefixOperation,
        options: optionsOperation("listOptions", "lists", "Accept-Patch"),
      },
      "/batch": { post: batchOperation, options: optionsOperation("batchOptions", "values") },
      ...unstoragePaths,
      ...servicePaths,
    },
    components: {
      parameters,
      headers,
      schemas,
      responses,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "A token that `kvasir token create` printed." },
        basic: { type: "http", scheme: "basic", description: "Any user, with the token as the password." },
      },
    },
  };
}
