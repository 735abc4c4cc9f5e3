import type { MysqlOptions } from "./mysql-options.ts";

export type Host = MysqlOptions["hosts"][number];

/** How often the hosts before the one in use are tried. */
const returnIntervalMs = 5000;

/**
 * Which host of a partition's URL is in use: the first of them that can be, for every front end. Members of a cluster
 * are not mixed while one serves, because writes of one key through two of them conflict, and one is done again.
 */
export class MysqlHosts {
  readonly #hosts: readonly Host[];
  #current = 0;
  #triedAt = 0;

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts;
  }

  get all(): readonly Host[] {
    return this.#hosts;
  }

  /** Whether there is another one to go to. */
  get hasOthers(): boolean {
    return this.#hosts.length > 1;
  }

  isCurrent(host: Host): boolean {
    return this.#hosts[this.#current] === host;
  }

  /** Tries all hosts, from the one in use on, and stays with the first where `open` succeeds. */
  async connect<T>(open: (host: Host) => Promise<T>): Promise<T> {
    const first = this.#current;
    let failure: unknown;
    for (let turn = 0; turn < this.#hosts.length; turn++) {
      const host = this.#hosts[(first + turn) % this.#hosts.length]!;
      try {
        const opened = await open(host);
        // Of calls that run at once one may have found a host before this one.
        if (this.#current === first) this.#use(host);
        return opened;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** `host` has failed: the next one is tried first. */
  leave(host: Host): void {
    if (this.hasOthers && this.isCurrent(host)) this.#use(this.#hosts[(this.#current + 1) % this.#hosts.length]!);
  }

  /** Now and then, in the background: goes back to an earlier host when `probe` succeeds there. */
  returnSoon(probe: (host: Host) => Promise<void>): void {
    if (this.#current === 0 || performance.now() < this.#triedAt + returnIntervalMs) return;
    this.#triedAt = performance.now();
    void this.#return(probe);
  }

  async #return(probe: (host: Host) => Promise<void>): Promise<void> {
    for (const host of this.#hosts.slice(0, this.#current)) {
      try {
        await probe(host);
      } catch {
        continue;
      }
      if (this.#hosts.indexOf(host) < this.#current) this.#use(host);
      return;
    }
  }

  #use(host: Host): void {
    const index = this.#hosts.indexOf(host);
    // One that was just left is not tried again at once.
    if (index > this.#current) this.#triedAt = performance.now();
    this.#current = index;
  }
}
