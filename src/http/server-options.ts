import type { Rate } from "../rate.ts";

/** How the server listens, and its limits. `config.ts` has the defaults. */
export interface ServerOptions {
  readonly host: string;
  /** 0 lets the system choose one. */
  readonly port: number;
  /** Names in `Host` that are answered besides loopback names and IP addresses. */
  readonly hosts: readonly string[];
  /** Origins of other sites whose pages may use the interface. */
  readonly corsOrigins: readonly string[];
  /** PEM files, read again when they change; `undefined` for plain HTTP. */
  readonly tls: ServerTls | undefined;
  /** Refuses everything until a token was created: the port can be reached from other machines. */
  readonly requireTokens: boolean;
  /** Wrong tokens from one address in a minute; then they get 429. */
  readonly authFailuresMax: number;
  /** How many requests a token may send that has no rate of its own; more get 429. */
  readonly rateLimit: Rate | "none";
  readonly logRequests: boolean;
  /** Larger values are refused with 413. The partitions may allow less. */
  readonly valueBytesMax: number;
  /** Names and texts together; more is refused with 431. */
  readonly metadataBytesMax: number;
  readonly listLimitMax: number;
  readonly batchMax: number;
  /** Bytes of the bodies of requests that are not answered yet; more get 503. */
  readonly bodyBudgetBytes: number;
  /** Bytes of large answers that clients have not taken yet; more get 503. */
  readonly answerBudgetBytes: number;
  /** For a client to take the next part of an answer; then its connection is cut. */
  readonly answerTimeoutMs: number;
  /** Requests that are not answered yet; more get 503. */
  readonly requestsMax: number;
  /** For a request to wait for those that its client sent before it on the same connection; then it gets 503. */
  readonly queueTimeoutMs: number;
  /** More connections are closed as soon as they open. */
  readonly maxConnections: number;
  /** More from one address are closed as soon as they open. */
  readonly maxConnectionsPerAddress: number;
  /** Bytes a second at which a body has to arrive, once it has taken a while. */
  readonly bodyRateMin: number;
  /** For the header fields of a request to arrive. */
  readonly headersTimeoutMs: number;
  /** For a whole request to arrive. */
  readonly requestTimeoutMs: number;
  /** For the requests under way to end when the server stops; then their connections are cut. */
  readonly stopTimeoutMs: number;
}

export interface ServerTls {
  readonly certFile: string;
  readonly keyFile: string;
}
