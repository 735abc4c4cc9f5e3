import type { Client } from "../http.ts";
import type { ImportState } from "./import-state.ts";
import type { Line } from "./lines.ts";
import { readRecordLine } from "./record-line.ts";
import { type BadLine, type NumberedPut, sendBatch } from "./send-batch.ts";

/** A batch goes out when it has so many records or so many bytes of lines. */
const batchRecordsMax = 200;
const batchBytesMax = 1024 ** 2;
/** So many batches are under way at once, or stored behind one that is not; reading waits meanwhile. */
const batchesMax = 4;

interface Listeners {
  readonly onBadLine: (bad: BadLine) => void;
  /** Called when more of the beginning is safely stored. */
  readonly onAdvance: (state: ImportState) => void;
}

/** A stretch of lines that is sent as one. */
interface Batch {
  readonly keys: Set<string>;
  readonly puts: NumberedPut[];
  readonly bad: BadLine[];
  expired: number;
  bytes: number;
  end: number;
  line: number;
  isDone: boolean;
}

/** Sends lines in batches, several at a time, and keeps account of how far all of them are stored. */
export class Importer {
  readonly #client: Client;
  readonly #listeners: Listeners;
  /** Batches under way or done, in the order of the file, from the first that is not accounted for. */
  readonly #batches: Batch[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #state: ImportState;
  #failure: Error | undefined;

  constructor(client: Client, state: ImportState, listeners: Listeners) {
    this.#client = client;
    this.#state = state;
    this.#listeners = listeners;
  }

  get state(): ImportState {
    return this.#state;
  }

  /** @throws CommandFailure when the server could not take a batch; what lies before it is accounted for. */
  async run(lines: AsyncIterable<Line>): Promise<void> {
    let batch = newBatch();
    for await (const line of lines) {
      const read = readRecordLine(line, Date.now());
      if (read.kind === "put" && this.#wouldReorder(batch, read.operation.key)) {
        await this.#send(batch);
        await this.#drain();
        batch = newBatch();
      }
      if (read.kind === "put") {
        batch.keys.add(read.operation.key);
        batch.puts.push({ line: line.number, operation: read.operation });
      } else if (read.kind === "bad") {
        batch.bad.push({ line: line.number, reason: read.reason });
      } else if (read.kind === "expired") {
        batch.expired += 1;
      }
      batch.bytes += line.bytes.length;
      batch.end = line.end;
      batch.line = line.number;
      if (batch.puts.length < batchRecordsMax && batch.bytes < batchBytesMax) continue;
      await this.#send(batch);
      batch = newBatch();
    }
    await this.#send(batch);
    await this.#drain();
  }

  /** Of two lines with one key the later one shall win, so they never travel at the same time. */
  #wouldReorder(batch: Batch, key: string): boolean {
    return batch.keys.has(key) || this.#batches.some((other) => !other.isDone && other.keys.has(key));
  }

  async #send(batch: Batch): Promise<void> {
    if (batch.line === 0) return;
    while (this.#failure === undefined && this.#batches.length >= batchesMax) await Promise.race(this.#underWay);
    if (this.#failure !== undefined) await this.#drain();
    this.#batches.push(batch);
    const work: Promise<void> = this.#finish(batch).finally(() => this.#underWay.delete(work));
    this.#underWay.add(work);
  }

  async #finish(batch: Batch): Promise<void> {
    try {
      batch.bad.push(...(await sendBatch(this.#client, batch.puts)));
      batch.isDone = true;
      this.#advance();
    } catch (error) {
      this.#failure ??= error as Error;
    }
  }

  async #drain(): Promise<void> {
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #advance(): void {
    while (this.#batches[0]?.isDone) {
      const { puts, bad, expired, end, line } = this.#batches.shift()!;
      bad.sort((a, b) => a.line - b.line);
      for (const one of bad) this.#listeners.onBadLine(one);
      const refused = bad.filter((one) => puts.some((put) => put.line === one.line)).length;
      const { source } = this.#state;
      this.#state = {
        source,
        offset: end,
        line,
        imported: this.#state.imported + puts.length - refused,
        expired: this.#state.expired + expired,
        bad: this.#state.bad + bad.length,
      };
      this.#listeners.onAdvance(this.#state);
    }
  }
}

function newBatch(): Batch {
  return { keys: new Set(), puts: [], bad: [], expired: 0, bytes: 0, end: 0, line: 0, isDone: false };
}
