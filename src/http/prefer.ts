import type { IncomingMessage } from "node:http";
import { splitUnquoted } from "./accept.ts";

const waitSecondsMax = 60;

/**
 * The seconds of `Prefer: wait=N` (RFC 7240), at most 60; `undefined` when there is no such preference. What is
 * malformed or not known counts as absent, as the RFC says, and of two the first one.
 */
export function preferredWait({ headers }: Pick<IncomingMessage, "headers">): number | undefined {
  const field = headers.prefer;
  if (field === undefined) return undefined;
  for (const preference of splitUnquoted(String(field), ",")) {
    const [text = ""] = splitUnquoted(preference, ";");
    const [, value] = /^wait[ \t]*=[ \t]*(.*)$/i.exec(text) ?? [];
    if (value === undefined && text.toLowerCase() !== "wait") continue;
    const [, digits] = /^"?([0-9]+)"?$/.exec(value ?? "") ?? [];
    return digits === undefined ? undefined : Math.min(Number(digits), waitSecondsMax);
  }
  return undefined;
}
