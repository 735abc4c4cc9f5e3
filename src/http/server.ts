import { createServer as createNodeServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "../log.ts";
import type { Store } from "../store.ts";
import { Auth } from "./auth.ts";
import { BodyReader } from "./body.ts";
import { Certificates } from "./certificates.ts";
import { answerClientError } from "./client-error.ts";
import { capPerAddress } from "./connection-cap.ts";
import { Cors } from "./cors.ts";
import { deletePrefixRoute } from "./delete-prefix-route.ts";
import { Dispatcher } from "./dispatcher.ts";
import { HostCheck } from "./host-check.ts";
import { KeyRoutes } from "./key-routes.ts";
import { listRoute } from "./list-routes.ts";
import { late, OtherRoutes } from "./other-routes.ts";
import { PaceCheck } from "./pace-check.ts";
import { pageRoutes } from "./page-routes.ts";
import { ReplicaRoutes, replicasRoute } from "./replica-routes.ts";
import { RequestCounts } from "./request-counts.ts";
import type { ServerOptions } from "./server-options.ts";
import { serviceRoutes } from "./service-routes.ts";
import { SlowReaders } from "./slow-readers.ts";
import { unstorageRoutes } from "./unstorage-routes.ts";

export interface HttpServer {
  /** Where it listens, once it does. Rejects with the system's error when it cannot. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** From now on `/readyz` says that it stops, so that balancers send their requests elsewhere; all else goes on. */
  leave(): void;
  /**
   * Accepts no more connections, lets the requests under way end and closes. What takes longer than
   * `stopTimeoutMs` is cut. Harmless when repeated.
   */
  stop(): Promise<void>;
}

/**
 * For a connection on which nothing happens in either direction: between two requests, or because the client stopped
 * reading. Longer than the 60 s for which load balancers keep idle connections, so that they close them first.
 */
const idleTimeoutMs = 120_000;
/** How often connections are looked at for the time-outs of their requests. */
const connectionsCheckMs = 1000;

/** An HTTP server over `store`, which it does not close. */
export function createServer(store: Store, options: ServerOptions, logger: Logger): HttpServer {
  let stopped: Promise<void> | undefined;
  const isStopping = () => stopped !== undefined;
  const readers = new SlowReaders(options, () => performance.now());
  const requests = new RequestCounts();
  const bodies = new BodyReader(options.bodyBudgetBytes, new PaceCheck(options.bodyRateMin));
  const auth = new Auth(store.tokens, options, logger);
  const keys = new KeyRoutes(store, options, bodies);
  let isLeaving = false;
  const stopping = () => (isLeaving ? "this front end is stopping" : undefined);
  const others = new OtherRoutes([
    listRoute(store, options),
    late({ method: "POST", path: "/kv", access: "token" }, async () => {
      const { creating } = await import("./create-route.ts");
      return creating(store, options, bodies);
    }),
    deletePrefixRoute(store),
    late({ method: "POST", path: "/batch", access: "token" }, async () => {
      const { batching } = await import("./batch-route.ts");
      return batching(store, options, bodies, logger);
    }),
    replicasRoute,
    ...unstorageRoutes(store, options, keys),
    ...pageRoutes,
    ...serviceRoutes({ store, requests, connections: () => readers.connections, stopping, isOpen: () => auth.isOpen }),
  ]);
  const cors = options.corsOrigins.length === 0 ? undefined : new Cors(options.corsOrigins);
  const dispatcher = new Dispatcher({
    keys,
    replicas: new ReplicaRoutes(store),
    bodies,
    readers,
    requestsMax: options.requestsMax,
    queueTimeoutMs: options.queueTimeoutMs,
    hosts: new HostCheck(options.hosts, cors),
    cors,
    auth,
    requests,
    logger,
    logRequests: options.logRequests,
    isStopping,
    others,
  });
  const certificates = options.tls && new Certificates(options.tls, options.headersTimeoutMs, logger);
  const server = newNodeServer(options, dispatcher, certificates);
  readers.watch(server, certificates === undefined ? "connection" : "secureConnection");

  return {
    async listen() {
      await store.tokens.start();
      return listen(server, options);
    },
    leave() {
      isLeaving = true;
    },
    stop() {
      isLeaving = true;
      certificates?.stop();
      stopped ??= stop(server, options.stopTimeoutMs);
      return stopped;
    },
  };
}

function newNodeServer(options: ServerOptions, dispatcher: Dispatcher, certificates?: Certificates): Server {
  const limits = {
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    // The idle time-out sees to it; this would set and clear a timer with each request.
    keepAliveTimeout: 0,
    // A request without a body is none of a stream's business.
    optimizeEmptyRequests: true,
    connectionsCheckingInterval: Math.min(connectionsCheckMs, options.headersTimeoutMs),
    // Ours refuses it with a problem document.
    requireHostHeader: false,
  };
  const server = certificates === undefined ? createNodeServer(limits) : certificates.createServer(limits);
  // Node leaves out header fields beyond the limit without a word; their bytes are limited anyway.
  server.maxHeadersCount = 0;
  server.maxConnections = options.maxConnections;
  capPerAddress(server, options.maxConnectionsPerAddress);
  server.timeout = idleTimeoutMs;
  const handle = dispatcher.handle.bind(dispatcher);
  server.on("request", handle);
  // The body's reader says when to go on.
  server.on("checkContinue", handle);
  server.on("clientError", answerClientError);
  return server;
}

async function listen(server: Server, { host, port }: ServerOptions): Promise<{ host: string; port: number }> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return { host, port: (server.address() as AddressInfo).port };
}

async function stop(server: Server, stopTimeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const cut = setTimeout(() => server.closeAllConnections(), stopTimeoutMs);
  await closed;
  clearTimeout(cut);
}
