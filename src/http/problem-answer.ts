import { type ErrorDetails, StoreError } from "../errors.ts";
import type { Answer } from "./answer.ts";
import { negotiateProblem } from "./negotiation.ts";
import { acceptPatch } from "./patches.ts";
import { contentRange } from "./range.ts";
import { renderProblem } from "./representations/problem.ts";

/** The ways to give a token: curl and programs know the first, browsers ask people for the second. */
const challenge = 'Bearer realm="kvasir", Basic realm="kvasir"';

/** What the client is told of any failure: a fault of ours is not described to it. */
export function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError("internal", "the fault is in the server's log", { cause: error });
}

/** The problem document in the format that the client asks for. */
export function problemAnswer(error: StoreError, accept: string | undefined, format: string | undefined): Answer {
  const { body, headers } = renderProblem(negotiateProblem(accept, format), error);
  return {
    status: error.status,
    headers: { ...headers, Vary: "Accept", "Cache-Control": "no-cache", ...specificHeaders(error) },
    body,
  };
}

/** For a path that is there, but not for this method. */
export function methodNotAllowed(method: string, allow: readonly string[]): StoreError {
  const message = `${method} is not allowed here; allowed are ${allow.join(", ")}`;
  return new StoreError("method_not_allowed", message, { details: { allow } });
}

function specificHeaders({ code, status, details }: StoreError): { [name: string]: string } {
  if (status === 401) return { "WWW-Authenticate": challenge };
  if (status === 503 || status === 429) return { "Retry-After": String(details.retry_after ?? 1) };
  if (code === "method_not_allowed") return { Allow: textList(details, "allow") };
  if (code === "range_not_satisfiable") return { "Content-Range": contentRange(undefined, Number(details.size)) };
  if (code === "patch_type_unsupported") return { "Accept-Patch": acceptPatch };
  return {};
}

function textList(details: ErrorDetails, name: string): string {
  const list = details[name];
  return Array.isArray(list) ? list.join(", ") : "";
}
