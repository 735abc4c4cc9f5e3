import { ConfigError } from "../../src/errors.ts";
import { MemoryPartition } from "../../src/partitions/memory.ts";
import type { ChangeRequest } from "../../src/topology/topology.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { checkAnswers, checkFinal, unpurged, unrest } from "./checks.ts";
import { Client, checkRead, type Operation } from "./client.ts";
import { Database } from "./database.ts";
import { Faults } from "./faults.ts";
import { cluster, FrontEnd } from "./front-end.ts";
import { checkLinearizability } from "./histories.ts";
import { Oracle } from "./oracle.ts";
import { drawChanges, drawSettings, type Settings } from "./settings.ts";
import { World } from "./world.ts";

export interface ScheduleResult {
  readonly seed: number;
  /** What does not hold, `undefined` when all does. */
  readonly violation: string | undefined;
  readonly traceHash: number;
  readonly events: number;
  readonly counts: { readonly [name: string]: number };
  readonly settings: Settings;
  readonly trace: readonly string[];
}

const clientsLimitMs = 400_000;
const quietLimitMs = 200_000;
const hourMs = 3_600_000;

/** Runs the whole schedule that `seed` stands for. The same seed always gives the same. */
export async function runSchedule(
  seed: number,
  { isTracing = false, given = {} }: { isTracing?: boolean; given?: Partial<Settings> } = {},
): Promise<ScheduleResult> {
  const world = new World(seed, isTracing);
  const drawn = drawSettings(world.random);
  const changes = drawChanges(new SeededRandom(seed), drawn);
  // What a partition forgets of the topology that it had is not simulated.
  const faults = drawn.faults.filter((fault) => changes.length === 0 || (fault !== "restore" && fault !== "replace"));
  // Long enough for the clients to be at it all the while.
  const clients = Math.max(2, drawn.clients);
  const pace = changes.length === 0 ? {} : { clients, thinkMs: 150 * clients, operations: 80 };
  const settings: Settings = { ...drawn, ...pace, changes, faults, ...given };
  world.note(() => `settings ${JSON.stringify({ ...settings, expiringKeys: [...settings.expiringKeys] })}`);
  const oracle = new Oracle(world);
  const schedule = new Schedule(world, oracle, settings);
  let isOver = false;
  const finish = (error?: Error) => {
    isOver = true;
    if (error !== undefined) oracle.fail(`the simulation failed: ${error.stack}`);
  };
  world.after(0, () => void schedule.run().then(() => finish(), finish));
  await world.run(() => isOver || oracle.violation !== undefined);
  schedule.stop();
  if (!isOver && oracle.violation === undefined) oracle.fail("nothing is left to happen, and the schedule is not done");
  const { checked, history } = schedule;
  const counts = {
    ...oracle.counts,
    changes: schedule.changesDone,
    topologyCalls: schedule.topologyCalls,
    checked,
    operations: history.length,
    answered: history.filter(({ answer }) => answer?.kind === "applied" || answer?.kind === "read").length,
  };
  const { traceHash, events, trace } = world;
  return { seed, violation: oracle.violation?.message, traceHash, events, counts, settings, trace };
}

class Schedule {
  readonly history: Operation[] = [];
  /** Operations that were checked for linearizability. */
  checked = 0;
  changesDone = 0;
  /** Calls of front ends that carried a change, since the first one was asked for. */
  topologyCalls = 0;
  #isChanging = false;
  readonly #world: World;
  readonly #oracle: Oracle;
  readonly #settings: Settings;
  readonly #databases: readonly Database[];
  readonly #frontEnds: FrontEnd[] = [];
  readonly #faults: Faults;
  #started = 0;

  constructor(world: World, oracle: Oracle, settings: Settings) {
    this.#world = world;
    this.#oracle = oracle;
    this.#settings = settings;
    const names = Array.from({ length: settings.partitions }, (_, index) => `p${index + 1}`);
    const spares = settings.changes.map((_, index) => `s${index + 1}`);
    this.#databases = [...names, ...spares].map((name) => new Database(name, world, oracle));
    oracle.databases = this.#databases;
    const members = names.map((name) => ({ name, weight: 1 }));
    oracle.goBy({ epoch: 0, members, replicas: settings.replicas, gone: [] });
    this.#faults = new Faults({
      world,
      oracle,
      settings,
      databases: this.#databases,
      frontEnds: this.#frontEnds,
      startFrontEnd: () => this.#startFrontEnd(),
    });
  }

  async run(): Promise<void> {
    const { random } = this.#world;
    for (const database of this.#databases) {
      const isSpare = !this.#oracle.members.includes(database);
      if (!isSpare)
        await new MemoryPartition(database.name, database.state).initialise({ cluster, partition: database.name });
      this.#oracle.wasSetBack(database);
      if (this.#settings.haveServerClocks) database.clockOffsetMs = (random.next() - 0.5) * 500;
    }
    for (let count = 0; count < this.#settings.frontEnds; count++) this.#startFrontEnd();
    await this.#world.wait(100);
    void this.#faults.run();
    const changing = this.#changeTopology();
    const clients = await this.#useIt();
    this.#faults.end();
    await Promise.race([changing, this.#world.wait(quietLimitMs)]);
    await this.#comeToRest("after the clients");
    checkFinal(this.#oracle, this.#world.now);
    checkAnswers(this.#oracle, this.history);
    this.checked = checkLinearizability(this.#oracle, this.history, this.#settings);
    await this.#purgeAll();
    await this.#useItAgain(clients);
  }

  stop(): void {
    for (const frontEnd of this.#frontEnds) frontEnd.kill();
  }

  // --- Internal helpers ---

  #startFrontEnd(): void {
    const { random } = this.#world;
    const frontEnd = new FrontEnd(this.#world, this.#oracle, `f${++this.#started}`);
    frontEnd.process.offsetMs = (random.next() * 2 - 1) * this.#settings.skewMs;
    frontEnd.process.drift = (random.next() * 2 - 1) * this.#settings.drift;
    this.#frontEnds.push(frontEnd);
    const onTopologyCall = () => {
      if (!this.#isChanging || ++this.topologyCalls !== this.#settings.killedAt) return;
      this.#world.note(() => `${frontEnd.process.name} is killed at its call ${this.topologyCalls}`);
      frontEnd.kill();
      const index = this.#frontEnds.indexOf(frontEnd);
      if (index < 0) return;
      this.#frontEnds.splice(index, 1);
      this.#startFrontEnd();
    };
    frontEnd.start(this.#databases, this.#faults, this.#settings, onTopologyCall).catch((error: Error) => {
      if (!(error instanceof ConfigError)) return this.#oracle.fail(`a front end did not start: ${error.stack}`);
      // Whom it could reach did not know of the change that its configuration knows of.
      this.#world.note(() => `${frontEnd.process.name} did not start: ${error.message}`);
      frontEnd.kill();
      const index = this.#frontEnds.indexOf(frontEnd);
      if (index >= 0) this.#frontEnds.splice(index, 1);
      this.#world.after(500, () => this.#startFrontEnd());
    });
  }

  /** Has one change after the other carried through. */
  async #changeTopology(): Promise<void> {
    const { random } = this.#world;
    for (const [index, kind] of this.#settings.changes.entries()) {
      await this.#world.wait(random.exponential(700));
      const { epoch } = this.#oracle.topology;
      const request = this.#request(kind, `s${index + 1}`);
      if (request === undefined) continue;
      this.#isChanging = true;
      // Whoever asked and got no answer sees by the epoch whether it was heard.
      while (this.#oracle.topology.epoch <= Math.max(epoch, 1)) {
        const frontEnd = random.pick(this.#frontEnds.filter(({ store }) => store !== undefined));
        const begun = frontEnd?.store?.topology.begin(request).catch((error: Error) => {
          this.#world.note(() => `${frontEnd.process.name} cannot ${JSON.stringify(request)}: ${error.message}`);
        });
        await Promise.race([begun, frontEnd?.gone, this.#world.wait(3000)]);
        await this.#world.wait(random.exponential(300));
      }
      while (this.#oracle.topology.change !== undefined) await this.#world.wait(200);
      this.changesDone++;
    }
  }

  #request(kind: ChangeRequest["kind"], spare: string): ChangeRequest | undefined {
    const { random } = this.#world;
    const { members, replicas } = this.#oracle.topology;
    const { name } = random.pick(members);
    if (kind === "add") return { kind, name: spare, weight: 1 };
    if (kind === "replace") return { kind, name, by: spare };
    if (kind === "weight") return { kind, name, weight: random.pick([0.3, 3]) };
    if (kind === "replicas")
      return { kind, replicas: replicas === 1 ? "all" : random.pick([2, members.length] as const) };
    return members.length > Math.max(2, replicas === "all" ? 0 : replicas) ? { kind, name } : undefined;
  }

  /** Lets the clients do their operations. */
  async #useIt(): Promise<Client[]> {
    let number = 0;
    const next = () => (number < this.#settings.operations ? ++number : undefined);
    const clients = Array.from({ length: this.#settings.clients }, (_, index) => this.#client(`c${index + 1}`));
    const all = Promise.all(clients.map((client) => client.run(next)));
    await Promise.race([all, this.#world.wait(clientsLimitMs)]);
    return clients;
  }

  #client(name: string): Client {
    return new Client({
      name,
      world: this.#world,
      oracle: this.#oracle,
      settings: this.#settings,
      history: this.history,
      frontEnds: () => this.#frontEnds,
    });
  }

  /** Waits until everything is delivered and equal, which must not take for ever. */
  async #comeToRest(when: string): Promise<void> {
    // One front end is enough for what is left, and hours later no clock is ahead of true time.
    const survivors = this.#frontEnds.splice(0);
    for (const frontEnd of survivors.slice(1)) frontEnd.kill();
    this.#frontEnds.push(...survivors.slice(0, 1));
    if (this.#frontEnds.length === 0 || this.#world.random.chance(0.5)) {
      for (const frontEnd of this.#frontEnds.splice(0)) frontEnd.kill();
      this.#startFrontEnd();
    }
    for (const { process } of this.#frontEnds) process.offsetMs = 0;
    this.#world.jumpMs += hourMs / 2;
    // Until it has looked at all partitions, it may not know yet that one was away.
    await this.#world.wait(2500);
    await this.#until(() => unrest(this.#oracle, this.#world.now) || this.#unsteady(), when);
  }

  async #purgeAll(): Promise<void> {
    this.#world.jumpMs += 3 * hourMs;
    await this.#until(() => unpurged(this.#oracle, this.#world.now), "for the purge");
    await this.#until(() => unrest(this.#oracle, this.#world.now) || this.#unsteady(), "after the purge");
    checkFinal(this.#oracle, this.#world.now);
  }

  /** A healthy store refuses nothing, and keys that were purged can be created again. */
  async #useItAgain(clients: readonly Client[]): Promise<void> {
    const store = this.#frontEnds[0]!.store!;
    const created = new Map<string, string>();
    for (const { token, name } of clients) {
      for (const key of this.#settings.keys) {
        const isLost = this.#oracle.committed.get(key)?.some((write) => write.isLost);
        if (isLost) continue;
        const record = await store.get(key, { clock: token }).catch((error: Error) => {
          this.#oracle.fail(`${name} can no longer read ${key}: ${error.message}`);
          return undefined;
        });
        checkRead(this.#oracle, key, record?.version, token);
      }
    }
    for (const key of this.#settings.keys) {
      const value = `last-${key}`;
      let problem: string | undefined;
      // A front end that was killed may have left a transaction open, for as long as a connection lasts.
      for (let attempt = 0; attempt < 40 && !created.has(key); attempt++) {
        await store.put(key, { value: Buffer.from(value), type: "", metadata: "", expires: 0 }).then(
          () => created.set(key, value),
          (error: Error) => {
            problem = error.message;
          },
        );
        if (!created.has(key)) await this.#world.wait(1000);
      }
      if (!created.has(key)) this.#oracle.fail(`${key} can no longer be written: ${problem}`);
    }
    await this.#until(() => unrest(this.#oracle, this.#world.now), "at the end");
    checkFinal(this.#oracle, this.#world.now);
    for (const [key, value] of created) {
      const record = await store.get(key);
      const found = record && Buffer.from(record.value).toString();
      if (found !== value) this.#oracle.fail(`${key} is ${found} at the end, not ${value}`);
    }
  }

  #unsteady(): string {
    const [frontEnd] = this.#frontEnds;
    const database = this.#oracle.members.find(({ name }) => !frontEnd?.isSteady(name));
    return database === undefined ? "" : `${database.name} is not steady yet`;
  }

  async #until(problem: () => string, when: string): Promise<void> {
    const deadline = this.#world.time + quietLimitMs;
    for (let found = problem(); found !== ""; found = problem()) {
      if (this.#world.time > deadline) {
        const { lastPurge } = this.#frontEnds[0]?.store?.sync ?? {};
        this.#oracle.fail(`not at rest ${when}: ${found}; ${JSON.stringify(lastPurge ?? "no purge")}`);
        return;
      }
      await this.#world.wait(500);
    }
  }
}
