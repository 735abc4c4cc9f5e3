import { MemoryPartition, MemoryState } from "../../src/partitions/memory.ts";
import type { Network } from "./connection.ts";
import type { Database } from "./database.ts";
import { cluster, type FrontEnd } from "./front-end.ts";
import type { Oracle } from "./oracle.ts";
import type { Fault, Settings } from "./settings.ts";
import type { Process, World } from "./world.ts";

export interface FaultsOptions {
  readonly world: World;
  readonly oracle: Oracle;
  readonly settings: Settings;
  readonly databases: readonly Database[];
  readonly frontEnds: FrontEnd[];
  /** Starts another front end. */
  startFrontEnd(): void;
}

/** What goes wrong, when chance says so, and is mended again. */
export class Faults implements Network {
  readonly #options: FaultsOptions;
  readonly #cuts = new Set<string>();
  /** Of the messages between a process and a database, this part is lost. */
  readonly #losses = new Map<string, number>();
  readonly #slow = new Set<string>();
  readonly #backups: { database: Database; state: MemoryState }[] = [];
  #isOver = false;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  delayMs(process: Process, database: Database): number | undefined {
    const { random } = this.#options.world;
    const link = linkOf(process, database);
    if (this.#cuts.has(link) || random.chance(this.#losses.get(link) ?? 0)) return undefined;
    const delayMs = 0.1 + random.exponential(0.4);
    // Some messages are late enough that nobody waits for them any more.
    return this.#slow.has(link) && random.chance(0.3) ? delayMs + random.exponential(3000) : delayMs;
  }

  isRefusing(process: Process, database: Database): boolean {
    return this.#cuts.has(linkOf(process, database)) && this.#options.world.random.chance(0.5);
  }

  /** Makes something go wrong now and then, until `end`. */
  async run(): Promise<void> {
    const { world, settings, databases } = this.#options;
    if (settings.faults.length === 0) return;
    while (!this.#isOver) {
      await world.wait(world.random.exponential(settings.faultEveryMs));
      if (this.#isOver) return;
      if (world.random.chance(0.5)) {
        const database = world.random.pick(databases);
        this.#backups.push({ database, state: database.backup() });
      }
      const fault = world.random.pick(settings.faults);
      world.note(() => `fault: ${fault}`);
      this.#cause(fault);
    }
  }

  /** Ends everything that is wrong. */
  end(): void {
    this.#isOver = true;
    const { databases, frontEnds } = this.#options;
    this.#cuts.clear();
    this.#losses.clear();
    this.#slow.clear();
    for (const database of databases) {
      database.isFull = false;
      database.resume();
      if (!database.isUp) database.restart();
    }
    for (const frontEnd of frontEnds) {
      const { process } = frontEnd;
      frontEnd.onRequest = undefined;
      process.offsetMs = 0;
      process.drift = 0;
      process.resume();
    }
  }

  // --- Internal helpers ---

  #cause(fault: Fault): void {
    const { world, databases, frontEnds, settings } = this.#options;
    const { random } = world;
    const database = random.pick(databases);
    const frontEnd = random.pick(frontEnds);
    const lastingMs = random.exponential(random.pick([100, 1000, 5000]));
    const link = linkOf(frontEnd.process, database);
    if (fault === "cut") this.#forAWhile(this.#cuts, random.chance(0.4) ? this.#linksOf(database) : [link], lastingMs);
    else if (fault === "slow") this.#forAWhile(this.#slow, this.#linksOf(database), lastingMs);
    else if (fault === "loss") {
      this.#losses.set(link, random.pick([0.02, 0.2, 0.5]));
      world.after(lastingMs, () => this.#losses.delete(link));
    } else if (fault === "crash") this.#crash(database, lastingMs);
    else if (fault === "pause") {
      database.pause();
      world.after(lastingMs, () => database.resume());
    } else if (fault === "full") {
      database.isFull = true;
      world.after(lastingMs, () => {
        database.isFull = false;
      });
    } else if (fault === "restore" || fault === "replace") this.#setBack(database, fault, lastingMs);
    else if (fault === "front end crash") {
      frontEnd.kill();
      frontEnds.splice(frontEnds.indexOf(frontEnd), 1);
      world.after(lastingMs, () => {
        if (!this.#isOver && frontEnds.length < settings.frontEnds) this.#options.startFrontEnd();
      });
      if (frontEnds.length === 0) this.#options.startFrontEnd();
    } else if (fault === "front end pause") {
      const pause = () => {
        frontEnd.process.pause();
        world.after(lastingMs, () => frontEnd.process.resume());
      };
      // Now, or when it has just begun with a request.
      if (random.chance(0.5)) pause();
      else frontEnd.onRequest = pause;
    } else if (fault === "clock step") {
      frontEnd.process.offsetMs = (random.next() * 2 - 1) * settings.skewMs;
    } else if (fault === "hours") world.jumpMs += random.pick([1_000_000, 4_000_000, 4_000_000, 9_000_000]);
  }

  #crash(database: Database, lastingMs: number): void {
    if (!database.isUp) return;
    database.crash();
    this.#options.world.after(20 + lastingMs, () => database.restart());
  }

  /** Only while everything else is whole: what two disks lose at once nobody promises. */
  #setBack(database: Database, fault: "restore" | "replace", lastingMs: number): void {
    const { world, oracle, databases } = this.#options;
    if (databases.some((each) => !each.isUp || oracle.isReceiving(each) || !oracle.isWhole(each))) return;
    const backups = this.#backups.filter((backup) => backup.database === database);
    let state = new MemoryState();
    if (fault === "replace") {
      void new MemoryPartition(database.name, state).initialise({ cluster, partition: database.name }, true);
    } else {
      if (backups.length === 0) return;
      state = world.random.pick(backups).state;
    }
    world.note(() => `${database.name} is set back (${fault}): ${[...state.records.keys()].join(" ")}`);
    oracle.settingBack(database, state.records);
    this.#crash(database, lastingMs);
    database.setBack(state);
    oracle.wasSetBack(database);
  }

  #forAWhile(set: Set<string>, links: readonly string[], lastingMs: number): void {
    for (const link of links) set.add(link);
    this.#options.world.after(lastingMs, () => {
      for (const link of links) set.delete(link);
    });
  }

  #linksOf(database: Database): string[] {
    return this.#options.frontEnds.map(({ process }) => linkOf(process, database));
  }
}

function linkOf(process: Process, database: Database): string {
  return `${process.name}-${database.name}`;
}
