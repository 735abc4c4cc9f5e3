import type { IncomingMessage } from "node:http";
import { StoreError } from "../errors.ts";

/**
 * The field `name`, in lower case. Node itself keeps the first of two, and a proxy before it may have looked at the
 * second.
 *
 * @throws StoreError `invalid_header` when it is given twice; `shown` is its name for people.
 */
export function soleHeader(
  { rawHeaders, headers }: IncomingMessage,
  name: "host" | "authorization",
  shown: string,
): string | undefined {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const given = rawHeaders[index]!;
    if (given.length === name.length && given.toLowerCase() === name && ++count > 1) {
      throw new StoreError("invalid_header", `the header ${shown} is given twice`);
    }
  }
  return headers[name];
}
