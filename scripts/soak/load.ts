import { connect, type Socket } from "node:net";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** So many connections are looked at for one that may take a request. */
const triedMax = 20;

/** What came of requests since it was asked last. */
export interface Window {
  readonly statuses: Map<string, number>;
  /** Of those that were answered with 2xx or 404. */
  readonly latency: RecordableHistogram;
  /** Due, but not sent, because too many were not answered yet. */
  leftOut: number;
  /** Connections that ended. */
  ended: number;
}

function newWindow(): Window {
  return { statuses: new Map(), latency: createHistogram(), leftOut: 0, ended: 0 };
}

/** One connection that sends requests without waiting for answers, which have no line that looks like the start of another. */
class Pipeline {
  #socket: Socket | undefined;
  readonly #sentAt: number[] = [];
  #rest = "";
  readonly #port: number;
  readonly #load: Load;

  constructor(port: number, load: Load) {
    this.#port = port;
    this.#load = load;
  }

  get outstanding(): number {
    return this.#sentAt.length;
  }

  send(request: string): void {
    this.#socket ??= this.#open();
    this.#sentAt.push(performance.now());
    this.#socket.write(request);
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    socket.setEncoding("latin1").on("data", (chunk: string) => this.#receive(chunk));
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#load.window.ended++;
      this.#sentAt.length = 0;
      this.#rest = "";
      this.#socket = undefined;
    });
    return socket;
  }

  #receive(chunk: string): void {
    const text = this.#rest + chunk;
    let end = 0;
    for (const match of text.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)) {
      end = match.index + match[0].length;
      this.#load.count(match[1]!, performance.now() - this.#sentAt.shift()!);
    }
    // A line may be cut anywhere; one that was counted is gone.
    this.#rest = text.slice(Math.max(end, text.length - "HTTP/1.1 200".length));
    this.#load.onAnswer(this);
  }
}

/** Requests over many connections: at a rate, whatever the answers say, or as fast as they are answered. */
export class Load {
  window = newWindow();
  readonly #pipelines: Pipeline[];
  readonly #outstandingMax: number;
  readonly #make: () => string;
  #depth = 0;
  #turn = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Of requests at a rate, what is due where `outstandingMax` of a connection are not answered yet is left out, and counted. */
  constructor(port: number, connections: number, outstandingMax: number, make: () => string) {
    this.#outstandingMax = outstandingMax;
    this.#pipelines = Array.from({ length: connections }, () => new Pipeline(port, this));
    this.#make = make;
  }

  takeWindow(): Window {
    const window = this.window;
    this.window = newWindow();
    return window;
  }

  /** So many at once on each connection, always. */
  saturate(depth: number): void {
    this.#depth = depth;
    for (const pipeline of this.#pipelines) this.onAnswer(pipeline);
  }

  /** So many a second. */
  start(perSecond: number): void {
    this.#depth = 0;
    let last = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      const now = performance.now();
      due += ((now - last) / 1000) * perSecond;
      last = now;
      for (; due >= 1; due--) this.#sendNext();
    }, 10);
  }

  stop(): void {
    this.#depth = 0;
    clearInterval(this.#timer);
  }

  close(): void {
    this.stop();
    for (const pipeline of this.#pipelines) pipeline.close();
  }

  count(status: string, elapsedMs: number): void {
    const { statuses, latency } = this.window;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status[0] === "2" || status === "404") latency.record(Math.max(1, Math.round(elapsedMs * 1000)));
  }

  onAnswer(pipeline: Pipeline): void {
    while (pipeline.outstanding < this.#depth) pipeline.send(this.#make());
  }

  #sendNext(): void {
    for (let tried = 0; tried < triedMax; tried++) {
      const pipeline = this.#pipelines[this.#turn++ % this.#pipelines.length]!;
      if (pipeline.outstanding >= this.#outstandingMax) continue;
      pipeline.send(this.#make());
      return;
    }
    this.window.leftOut++;
  }
}

export function describeWindow({ statuses, latency, leftOut, ended }: Window): string {
  const ms = (percentile: number) => (latency.count === 0 ? "-" : (latency.percentile(percentile) / 1000).toFixed(0));
  const counts = JSON.stringify(Object.fromEntries([...statuses].sort()));
  return `${counts}, p50 ${ms(50)} ms, p99 ${ms(99)} ms, max ${ms(100)} ms, left out ${leftOut}, ended ${ended}`;
}
