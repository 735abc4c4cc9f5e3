import { readFileSync } from "node:fs";
import { type Server, startServer, temporaryFolder } from "../../test/cli/kvasir.ts";

const mib = 2 ** 20;
/** From fewer nothing can be told. */
const measurementsMin = 8;

/** A front end of its own process whose memory is looked at now and then. */
export class WatchedServer {
  readonly server: Server;
  readonly #remove: () => Promise<void>;
  readonly #residentMib: number[] = [];

  static async start(args: readonly string[]): Promise<WatchedServer> {
    const folder = temporaryFolder();
    return new WatchedServer(await startServer(folder.path, args), folder.remove);
  }

  private constructor(server: Server, remove: () => Promise<void>) {
    this.server = server;
    this.#remove = remove;
  }

  get port(): number {
    return Number(new URL(this.server.url).port);
  }

  /** Its memory in MiB, noted for {@link problems}. */
  measure(): number {
    const text = readFileSync(`/proc/${this.server.child.pid}/status`, "utf8");
    const resident = Math.round((Number(/^VmRSS:\s+([0-9]+) kB/m.exec(text)![1]) * 1024) / mib);
    this.#residentMib.push(resident);
    return resident;
  }

  /** Stops it, and gives what was wrong with it: faults in its log, a bad end, memory that grew in the second half. */
  async problems(): Promise<string[]> {
    const code = await this.server.stop();
    await this.#remove();
    const found: string[] = this.server.log().match(/^\{"level":(?:50|60).*$/gm) ?? [];
    if (code !== 0) found.push(`it ended with ${code}`);
    if (this.#residentMib.length < measurementsMin) return found;
    const half = this.#residentMib.slice(Math.floor(this.#residentMib.length / 2));
    const quarter = Math.floor(half.length / 2);
    const [third, last] = [Math.max(...half.slice(0, quarter)), Math.max(...half.slice(quarter))];
    // Collecting garbage is not that regular.
    if (last > third * 1.25 + 32) found.push(`its memory grew from ${third} to ${last} MiB at most`);
    return found;
  }
}
