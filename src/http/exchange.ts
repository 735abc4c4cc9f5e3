import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "./answer.ts";
import type { Query } from "./query.ts";

/** One request on its way to an {@link Answer}. Handlers read from it; only `send.ts` writes to the response. */
export interface Exchange {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: Query;
  /** Whether the event loop delivers the request just now, and nothing else of its connection is under way. */
  readonly isArriving: boolean;
  /** For `Preference-Applied`: the preference that whoever read the options goes by. */
  applied?: string;
}

/** A path other than that of a key, and what is done there. HEAD is done by GET. */
export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "DELETE" | "OPTIONS";
  /** With `*` at its end it is everything below, too. */
  readonly path: string;
  handle(exchange: Exchange): Promise<Answer> | Answer;
}
