import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { pino } from "pino";
import { createServer, type HttpServer } from "../../src/http/server.ts";
import type { ServerOptions } from "../../src/http/server-options.ts";
import type { Store } from "../../src/store.ts";
import { type MemoryStore, memoryStore } from "../support/memory-store.ts";

const serverOptions: ServerOptions = {
  host: "127.0.0.1",
  port: 0,
  hosts: ["kvasir.example"],
  corsOrigins: [],
  tls: undefined,
  requireTokens: false,
  authFailuresMax: 20,
  rateLimit: "none",
  logRequests: false,
  valueBytesMax: 8 * 2 ** 20,
  metadataBytesMax: 2048,
  listLimitMax: 1000,
  batchMax: 1000,
  bodyBudgetBytes: 2 ** 28,
  answerBudgetBytes: 2 ** 28,
  answerTimeoutMs: 30_000,
  requestsMax: 10_000,
  queueTimeoutMs: 60_000,
  maxConnections: 1000,
  maxConnectionsPerAddress: 1000,
  bodyRateMin: 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  stopTimeoutMs: 10_000,
};

export interface Serving extends MemoryStore {
  readonly server: HttpServer;
  readonly port: number;
  readonly url: string;
  /** What was logged, parsed. */
  readonly log: readonly { readonly level: number; readonly msg: string; readonly [name: string]: unknown }[];
  request(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** A server on a store in memory, on a port of its own. `changeStore` may put something before the store. */
export async function serve(
  options: Partial<ServerOptions> = {},
  storeOptions: Parameters<typeof memoryStore>[0] = {},
  changeStore: (store: Store) => Store = (store) => store,
): Promise<Serving> {
  const memory = await memoryStore(storeOptions);
  const log: Serving["log"][number][] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(JSON.parse(line)) });
  const server = createServer(changeStore(memory.store), { ...serverOptions, ...options }, logger);
  const { port } = await server.listen();
  const url = `http${options.tls ? "s" : ""}://127.0.0.1:${port}`;
  return {
    ...memory,
    server,
    port,
    url,
    log,
    request: (path, init) => fetch(url + path, init),
    close: async () => {
      await server.stop();
      await memory.store.close();
    },
  };
}

export function put(
  serving: Serving,
  key: string,
  body: Uint8Array<ArrayBuffer> | string,
  headers: { readonly [name: string]: string } = {},
): Promise<Response> {
  return serving.request(`/kv/${encodeURIComponent(key)}`, { method: "PUT", body, headers });
}

/** What a problem document says first. */
export async function problem(response: Response): Promise<{ status: number; code: string; detail: string }> {
  const { status, code, detail } = (await response.json()) as { status: number; code: string; detail: string };
  return { status, code, detail };
}

export async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Sends bytes as they are and gives all that comes back until the server closes, in Latin-1. */
export async function exchange(port: number, sent: string | Uint8Array, ending = false): Promise<string> {
  const socket = await openSocket(port);
  let received = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    received += chunk;
  });
  const closed = once(socket, "close");
  if (ending) socket.end(sent);
  else socket.write(sent);
  await closed;
  return received;
}

/** What has come back once `pattern` is in it. */
export async function receive(socket: Socket, pattern: RegExp): Promise<string> {
  let received = "";
  for (;;) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    received += chunk.toString("latin1");
    if (pattern.test(received)) return received;
  }
}
