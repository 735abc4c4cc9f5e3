import { readFileSync } from "node:fs";
import type { ServerOptions as NodeServerOptions } from "node:http";
import { createServer, type Server } from "node:https";
import { createSecureContext } from "node:tls";
import { ConfigError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { ServerTls } from "./server-options.ts";

/** How often the files are looked at. They are read whole: a link that is turned, as Kubernetes does, has its old times. */
const lookMs = 1000;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** The server's certificate and key, which may change on disk while it runs. */
export class Certificates {
  readonly #files: ServerTls;
  readonly #handshakeTimeoutMs: number;
  readonly #logger: Pick<Logger, "info" | "warn">;
  readonly #first: Pair;
  /** What was found last, good or not, so that each change is looked at once. */
  #seen: string;
  /** What was reported last. */
  #problem = "";
  #timer: NodeJS.Timeout | undefined;

  /** @throws ConfigError when the files are not a certificate and its key. */
  constructor(files: ServerTls, handshakeTimeoutMs: number, logger: Pick<Logger, "info" | "warn">) {
    this.#files = files;
    this.#handshakeTimeoutMs = handshakeTimeoutMs;
    this.#logger = logger;
    try {
      this.#first = this.#read();
      createSecureContext(this.#first);
    } catch (error) {
      throw new ConfigError(`server.tls_cert and server.tls_key: ${reasonOf(error)}; give a certificate and its key`);
    }
    this.#seen = textOf(this.#first);
  }

  /** A server for HTTP/1.1 over TLS 1.2 and up, which takes a new pair for new connections and keeps those that are open. */
  createServer(options: NodeServerOptions): Server {
    const handshakeTimeout = this.#handshakeTimeoutMs;
    const server = createServer({ ...options, ...this.#first, ...versions, handshakeTimeout });
    this.#timer = setInterval(() => this.#look(server), lookMs);
    this.#timer.unref();
    return server;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #read(): Pair {
    const { certFile, keyFile } = this.#files;
    return { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
  }

  /** Between the change of one file and that of the other they do not fit: then the pair before stays. */
  #look(server: Server): void {
    try {
      const pair = this.#read();
      if (textOf(pair) === this.#seen) return;
      this.#seen = textOf(pair);
      createSecureContext(pair);
      server.setSecureContext({ ...pair, ...versions });
      this.#problem = "";
      this.#logger.info({ file: this.#files.certFile }, "the certificate was replaced");
    } catch (error) {
      const problem = reasonOf(error);
      if (problem !== this.#problem) this.#logger.warn({ problem }, "the certificate before stays in use");
      this.#problem = problem;
    }
  }
}

const versions = { minVersion: "TLSv1.2" } as const;

function textOf({ cert, key }: Pair): string {
  return `${cert}\n${key}`;
}

/** Never with text of the files. */
function reasonOf(error: unknown): string {
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  return syscall === undefined ? `OpenSSL says ${code ?? "no"}` : `${path} cannot be read (${code})`;
}
