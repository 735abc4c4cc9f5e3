import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** COM_QUERY with the text COMMIT, as it goes over the wire: length, sequence number, command, text. */
const commitPacket = Buffer.concat([Buffer.from([7, 0, 0, 0, 3]), Buffer.from("COMMIT")]);

type Mode = "pass" | "blackhole" | "refuse";

/** A TCP proxy on the loopback that can fail in the ways that a network does. */
export class TcpProxy {
  readonly host = "127.0.0.1";
  /** Told what clients send. */
  onSent: ((chunk: Buffer) => void) | undefined;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #mode: Mode = "pass";
  #delayMs = 0;
  #commitCut: (() => void) | undefined;

  static async start(target: { host: string; port: number }): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  private constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Cuts every connection with a reset; new ones are taken. */
  reset(): void {
    for (const socket of this.#sockets) {
      // Node never closes a socket that is reset while it says goodbye, and the process would not end.
      if (socket.readableEnded || socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  /** Nothing passes any more, neither way, on old and new connections. */
  blackhole(): void {
    this.#mode = "blackhole";
  }

  /** Cuts every connection, and each new one at once. */
  refuse(): void {
    this.#mode = "refuse";
    this.reset();
  }

  /** From now on whatever the server answers takes so much longer. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Passes everything again. What a black hole swallowed is lost, so its connections are cut. */
  heal(): void {
    if (this.#mode === "blackhole") this.reset();
    this.#mode = "pass";
  }

  /**
   * The next COMMIT reaches the server, and its answer is swallowed: then the connection is cut. Resolves when the
   * server has answered.
   */
  cutAfterNextCommit(): Promise<void> {
    return new Promise((resolve) => {
      this.#commitCut = resolve;
    });
  }

  async close(): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    if (this.#mode === "refuse") {
      client.on("error", () => {});
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(this.#target.port, this.#target.host);
    let onCommitted: (() => void) | undefined;
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        (socket === client ? upstream : client).destroy();
      });
    }
    client.on("data", (chunk: Buffer) => {
      this.onSent?.(chunk);
      if (this.#mode !== "pass") return;
      if (this.#commitCut !== undefined && chunk.includes(commitPacket)) {
        onCommitted = this.#commitCut;
        this.#commitCut = undefined;
      }
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (this.#mode !== "pass") return;
      if (onCommitted === undefined) {
        // Timers of one length end in their order.
        if (this.#delayMs > 0) setTimeout(() => client.write(chunk), this.#delayMs);
        else client.write(chunk);
        return;
      }
      client.resetAndDestroy();
      onCommitted();
    });
  }
}
