import { assembleStore } from "../../src/assemble-store.ts";
import type { Partition } from "../../src/partition.ts";
import { batching } from "../../src/replicas/batching.ts";
import type { Store } from "../../src/store.ts";
import { compareVersions, type Version } from "../../src/version.ts";
import { connect, type Network } from "./connection.ts";
import type { Database } from "./database.ts";
import { type CommittedWrite, describe, type Oracle } from "./oracle.ts";
import { purgeAfterMs, type Settings } from "./settings.ts";
import { Process, type World } from "./world.ts";

export const cluster = "simulated";

/** The calls that carry a change of the topology. */
const topologyCalls = new Set<keyof Partition>(["promise", "accept", "adopt", "keepRequests", "remove", "initialise"]);

interface View {
  /** When it was last found recovering, and its counter of passes then. */
  recovering?: { readonly at: number; readonly pass: number };
  state: "away" | "open" | "steady" | "recovering";
  /** When it was opened last, by true time. */
  openedAt: number;
}

/** How long it may take from the first question to a partition until it is used. */
const admissionMs = 100;

/** One front end: the real store with its synchronisation, in a process that can be killed. */
export class FrontEnd {
  readonly process: Process;
  store: Store | undefined;
  /** Happens when it has begun with the next request. */
  onRequest: (() => void) | undefined;
  /** Resolves when the process is dead. */
  readonly gone: Promise<void>;
  /** Counts changes of what it thinks of the partitions. */
  changes = 0;
  readonly views = new Map<string, View>();
  /** Writes of which it knows that a stand-in took them. */
  readonly #standIns: { readonly write: CommittedWrite; readonly source: string }[] = [];
  /** Of each partition, what it committed last of all that it told this front end. */
  readonly #witnesses = new Map<string, { readonly write: CommittedWrite; readonly at: number }>();
  #die: () => void = () => undefined;
  #hidesRestarts = false;
  readonly #world: World;
  readonly #oracle: Oracle;

  constructor(world: World, oracle: Oracle, name: string) {
    this.#world = world;
    this.#oracle = oracle;
    this.process = new Process(world, name);
    this.gone = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  /** Its configuration has the first ones; it finds the others when the topology has them. */
  async start(
    databases: readonly Database[],
    network: Network,
    settings: Settings,
    onTopologyCall: () => void,
  ): Promise<void> {
    const { process } = this;
    const all = new Map(
      databases.map((database) => {
        const { name } = database;
        const view: View = { state: "away", openedAt: Number.POSITIVE_INFINITY };
        this.views.set(name, view);
        const opened = () => {
          Object.assign(view, { state: "open", openedAt: this.#world.time });
          this.changes++;
        };
        const { hidesRestarts } = settings;
        this.#hidesRestarts = hidesRestarts;
        const partition = connect({ process, database, network, world: this.#world, hidesRestarts, opened });
        const lanes = { readLanes: 2, writeLanes: 2, waitMsMax: 2000 };
        const watched = new Proxy(partition, {
          get: (target, property: keyof Partition) => {
            const method = target[property];
            if (!topologyCalls.has(property)) return method;
            return (...parameters: never[]) => {
              onTopologyCall();
              return (method as (...given: never[]) => unknown)(...parameters);
            };
          },
        });
        const each = { name, weight: 1, displayUrl: name, partition: batching(watched, process, lanes) };
        return [name, each] as const;
      }),
    );
    const partitions = [...all.values()].slice(0, settings.partitions);
    const { replicas } = this.#oracle.topology;
    const { standIn, passIntervalMs, purgeIntervalMs } = settings;
    this.store = await assembleStore(partitions, {
      cluster,
      replicas,
      standIn,
      catchUpMs: 30_000,
      requestTimeoutMs: 2500,
      purgeAfterMs,
      passIntervalMs,
      purgeIntervalMs,
      isSyncing: true,
      reload: async (name) => all.get(name),
      runtime: process,
      log: {
        info: (facts, message) => this.#logged(facts, message),
        warn: (facts, message) => this.#logged(facts, message),
        error: (facts, message) => {
          const { err } = facts as { err?: Error };
          this.#oracle.fail(`${process.name} logged ${message}: ${err?.stack}`);
        },
      },
    });
  }

  kill(): void {
    this.process.kill();
    this.#die();
  }

  isSteady(name: string): boolean {
    return this.views.get(name)?.state === "steady";
  }

  /** It has answered a write with `version`. */
  noteAnswer(key: string, version: Version, isReplay: boolean): void {
    const write = this.#oracle.find(key, version);
    if (write === undefined) return;
    const { database, at } = write.commits.at(-1)!;
    const witness = this.#witnesses.get(database);
    if (!isReplay && (witness === undefined || witness.at < at)) this.#witnesses.set(database, { write, at });
    if (database !== this.#oracle.replicasOf(key)[0]?.name) this.#standIns.push({ write, source: database });
  }

  /** A conditional write is decided only when nothing that it knows a stand-in took is still owed to the home. */
  checkDecided(operation: string, key: string, owedBefore: readonly CommittedWrite[], owedEpoch: number): void {
    const [owed] = this.owedToHomeOf(key).filter((write) => owedBefore.includes(write));
    // It may have been decided by the home before.
    if (this.#oracle.topology.change !== undefined || this.#oracle.topology.epoch !== owedEpoch) return;
    if (owed === undefined || this.#oracle.databases.some(({ setbacks }) => setbacks > 0)) return;
    const facts = `${describe(owed.record)} is with its stand-in`;
    this.#oracle.fail(`${this.process.name} has ${operation} decided although it knows that ${facts}`);
  }

  /** What it knows that a stand-in took in place of the home of `key`, and that is still owed to it. */
  owedToHomeOf(key: string): CommittedWrite[] {
    const [home] = this.#oracle.replicasOf(key);
    const owed = this.#standIns.filter(({ write: { record }, source }) => {
      if (home === undefined || this.#oracle.replicasOf(record.key)[0] !== home) return false;
      const { state } = this.#oracle.databases.find(({ name }) => name === source)!;
      const hint = state.outbox.get(home.name)?.get(record.key);
      if (hint === undefined || compareVersions(hint.version, record.version) < 0) return false;
      // What it had, and was purged since, is owed no more: the hint is a newer write's.
      const held = home.state.records.get(record.key)?.version ?? this.#oracle.purged.get(record.key);
      return held === undefined || compareVersions(held, record.version) < 0;
    });
    return owed.map(({ write }) => write);
  }

  #logged(facts: object, message: string): void {
    const { partition } = facts as { partition?: string };
    this.#world.note(
      () => `${this.process.name}: ${partition ?? ""} ${message} ${JSON.stringify({ ...facts, partition: undefined })}`,
    );
    const view = partition === undefined ? undefined : this.views.get(partition);
    if (view === undefined || partition === undefined) return;
    this.changes++;
    if (message === "partition is steady") {
      view.state = "steady";
      this.#checkWitness(partition);
      this.#checkCaughtUp(partition, view);
    } else if (message === "partition is away") view.state = "away";
    else if (message === "partition is recovering") {
      view.state = "recovering";
      const database = this.#oracle.databases.find(({ name }) => name === partition)!;
      view.recovering = { at: this.#world.time, pass: database.state.progress.pass };
      // One that has joined was empty, and may have been filled while this was found out.
      const isNew = !this.#oracle.topologies.get(0)?.members.some(({ name }) => name === partition);
      if (database.setbacks === 0 && !isNew)
        this.#oracle.fail(`${this.process.name} takes ${partition} for one that was set back`);
    }
  }

  /** One that lacks what it told was set back, and is used only when it has got what those in reach have of it. */
  #checkWitness(name: string): void {
    const witness = this.#witnesses.get(name);
    const database = this.#oracle.databases.find((each) => each.name === name)!;
    const { state } = database;
    const setBackAt = database.setBackAt.at(-1) ?? Number.NEGATIVE_INFINITY;
    if (witness === undefined || witness.write.isLost) return;
    // It was noticed, and a pass has filled it since: from those that were in reach then.
    const { recovering } = this.views.get(name)!;
    if (recovering !== undefined && witness.at < recovering.at && state.progress.pass > recovering.pass) return;
    const { record } = witness.write;
    const has = ({ records }: typeof state) => {
      const row = records.get(record.key);
      return row !== undefined && compareVersions(row.version, record.version) >= 0;
    };
    if (has(state) || record.version.stamp <= state.progress.floor) return;
    // It was asked before that: no connection outlives a restart, unless that is hidden.
    const isOpenedBefore = this.views.get(name)!.openedAt < setBackAt;
    if (this.#world.time - setBackAt < admissionMs || (isOpenedBefore && !this.#hidesRestarts)) return;
    const inReach = this.#oracle.databases.filter((database) => this.views.get(database.name)?.state !== "away");
    if (!inReach.some((database) => has(database.state))) return;
    this.#oracle.fail(
      `${this.process.name} uses ${name} although it lacks ${describe(record)}, which it has confirmed`,
    );
  }

  /** It is used again only when nobody who can be reached owes it what a stand-in took before. */
  #checkCaughtUp(name: string, view: View): void {
    const target = this.#oracle.databases.find((database) => database.name === name)!;
    for (const source of this.#oracle.databases) {
      const sourceView = this.views.get(source.name);
      if (source === target || sourceView === undefined || sourceView.state === "away") continue;
      if (sourceView.openedAt > view.openedAt) continue;
      for (const hint of source.state.outbox.get(name)?.values() ?? []) {
        const write = this.#oracle.find(hint.key, hint.version);
        if (!hint.standIn || write === undefined) continue;
        const takenAt = write.commits.findLast(({ database }) => database === source.name)?.at;
        if (takenAt === undefined || takenAt >= view.openedAt) continue;
        const row = target.state.records.get(hint.key);
        if (row !== undefined && compareVersions(row.version, hint.version) >= 0) continue;
        if (source.setbacks > 0 || target.setbacks > 0) continue;
        this.#oracle.fail(`${this.process.name} uses ${name} while ${source.name} owes it ${describe(write.record)}`);
      }
    }
  }
}
