import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "./answer.ts";
import type { Grant } from "./auth-grant.ts";
import type { Query } from "./query.ts";

/** One request on its way to an {@link Answer}. Handlers read from it; only `send.ts` writes to the response. */
export interface Exchange {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: Query;
  /** What whoever sent it may do. */
  grant: Grant;
  /** Whether the event loop delivers the request just now, and nothing else of its connection is under way. */
  readonly isArriving: boolean;
  /** Bytes of its body that count towards the budget until it is answered. */
  heldBytes?: number;
  /** For `Preference-Applied`: the preference that whoever read the options goes by. */
  applied?: string;
}

/** A path other than that of a key, and what is done there. HEAD is done by GET. */
export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "DELETE" | "OPTIONS";
  /** With `*` at its end it is everything below, too. */
  readonly path: string;
  /**
   * Who may ask: `open` everybody, `token` whoever has a valid one (`handle` itself checks the grant for what it
   * touches), `admin` a token with that scope. Without it a token that may do everything is needed.
   */
  readonly access?: "open" | "token" | "admin";
  handle(exchange: Exchange): Promise<Answer> | Answer;
}
