import { formatClockToken } from "../clock-token.ts";
import type { WriteResult } from "../store-types.ts";
import { formatVersion } from "../version.ts";
import type { Answer } from "./answer.ts";

/** What every write answers with. `Kvasir-Existed` is missing when a stand-in took it, which cannot know. */
export function writeHeaders(result: WriteResult): { [name: string]: string } {
  const headers: { [name: string]: string } = {
    "Kvasir-Version": formatVersion(result.version),
    "Kvasir-Clock": formatClockToken(result.clock),
    "Kvasir-Replicas": `${result.confirmed}/${result.replicas}`,
  };
  if (result.existed !== undefined) headers["Kvasir-Existed"] = String(result.existed);
  return headers;
}

/** The answer to a write that leaves a value behind. */
export function storedAnswer(status: 201 | 204, result: WriteResult, more: Answer["headers"] = {}): Answer {
  const headers = writeHeaders(result);
  return { status, headers: { ETag: `"${headers["Kvasir-Version"]}"`, ...headers, ...more } };
}
