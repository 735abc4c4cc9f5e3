import { StoreError } from "../errors.ts";
import type { Store } from "../store.ts";
import type { Answer } from "./answer.ts";
import type { Exchange, Route } from "./exchange.ts";
import { negotiateDocument } from "./negotiation.ts";
import { methodNotAllowed } from "./problem-answer.ts";
import { checkParameters } from "./query.ts";
import { renderReplicas } from "./representations/replicas.ts";

const methods = ["GET", "HEAD", "OPTIONS"];

/** What each replica holds of one key: `/replicas/KEY` and `/replicas?key=KEY`. */
export class ReplicaRoutes {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** @throws StoreError, which becomes a problem document. */
  answer({ raw, query }: Exchange, key: string): Promise<Answer> | Answer {
    if (raw.method === "OPTIONS") return { status: 204, headers: { Allow: methods.join(", ") } };
    if (!methods.includes(raw.method!)) throw methodNotAllowed(raw.method!, methods);
    checkParameters(query, ["key", "format"]);
    const format = negotiateDocument(raw.headers.accept, query.get("format"));
    return this.#get(key, format);
  }

  async #get(key: string, format: ReturnType<typeof negotiateDocument>): Promise<Answer> {
    const replicas = await this.#store.replicasOf(key);
    const { body, headers } = renderReplicas(format, key, replicas, Date.now());
    return { status: 200, headers: { ...headers, Vary: "Accept", "Cache-Control": "no-cache" }, body };
  }
}

/** The path without a key, which says what is missing. */
export const replicasRoute: Route = {
  method: "GET",
  path: "/replicas",
  access: "token",
  handle() {
    throw new StoreError("invalid_query", "give the key: /replicas/KEY, or /replicas?key=KEY");
  },
};
