import type { ClockToken } from "../../src/clock-token.ts";
import { StoreError } from "../../src/errors.ts";
import { type Condition, PartitionError, requestAgeMs } from "../../src/partition.ts";
import { keyHash } from "../../src/replicas/hash.ts";
import type { NewContent, WriteOptions, WriteResult } from "../../src/store-types.ts";
import { compareVersions, formatVersion, parseVersion, type Version } from "../../src/version.ts";
import type { FrontEnd } from "./front-end.ts";
import type { Oracle } from "./oracle.ts";
import type { Settings } from "./settings.ts";
import type { World } from "./world.ts";

export type Answer =
  | { readonly kind: "applied"; readonly version: Version; readonly existed: boolean | undefined }
  | { readonly kind: "read"; readonly version: Version | undefined; readonly isFromHome: boolean }
  /** Nothing was done, for certain; `current` for a precondition that did not hold. */
  | { readonly kind: "refused"; readonly code: string; readonly current: Version | undefined }
  | { readonly kind: "unknown"; readonly version: Version | undefined };

/** What a client did and was told. */
export interface Operation {
  readonly name: string;
  readonly key: string;
  readonly kind: "get" | "put" | "delete" | "update";
  readonly condition: Condition | undefined;
  readonly hasRequest: boolean;
  /** The stamp of the clock token that went along. */
  readonly stamp: bigint;
  readonly invoked: number;
  answered: number;
  /** The same by a wall clock that is right. */
  readonly invokedAt: number;
  answeredAt: number;
  answer: Answer | undefined;
}

/** Codes that say that nothing was written. */
const refusals = new Set([
  "precondition_failed",
  "not_found",
  "home_unavailable",
  "no_replica",
  "overloaded",
  "storage_full",
  "clock_skewed",
  "not_fresh_enough",
]);
const patienceMs = 12_000;

export interface ClientOptions {
  readonly name: string;
  readonly world: World;
  readonly oracle: Oracle;
  readonly settings: Settings;
  readonly history: Operation[];
  /** The front ends that live now. */
  readonly frontEnds: () => readonly FrontEnd[];
}

/** A client that does one operation after the other. */
export class Client {
  readonly name: string;
  token: ClockToken | undefined;
  readonly #options: ClientOptions;
  /** The versions that it was told last, for conditions. */
  readonly #known = new Map<string, Version>();

  constructor(options: ClientOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Does operations as long as `next` gives a number for another one. */
  async run(next: () => number | undefined): Promise<void> {
    const { world, settings } = this.#options;
    for (let number = next(); number !== undefined; number = next()) {
      await this.#operate(`o${number}`);
      await world.wait(world.random.exponential(settings.thinkMs));
    }
  }

  async #operate(name: string): Promise<void> {
    const { world, settings } = this.#options;
    const { random } = world;
    const key = random.pick(settings.keys);
    const kind = random.pick(["get", "get", "get", "put", "put", "put", "put", "delete", "delete", "update"] as const);
    const known = this.#known.get(key);
    let condition: Condition | undefined;
    if (kind !== "get" && kind !== "update" && random.chance(0.3)) {
      if (random.chance(0.4)) condition = { ifNoneMatch: "*" };
      else if (random.chance(0.3)) condition = { ifMatch: "*" };
      else if (known !== undefined) condition = { ifMatch: [formatVersion(known)] };
    }
    const hasRequest = kind !== "get" && random.chance(0.2);
    const clock = random.chance(0.5) ? this.token : undefined;
    const options: WriteOptions = {
      clock,
      condition,
      ...(hasRequest && { request: { id: name, digest: name } }),
      ...(random.chance(0.2) && { writeConcern: random.pick([2, "quorum", "all"] as const) }),
    };
    const isLasting = !settings.expiringKeys.has(key) || random.chance(0.5);
    const lifeMs = isLasting ? 0 : random.pick([2000, 20_000, 1_800_000]);
    const readConcern = random.pick(["home", "home", "quorum", "all"] as const);
    const operation = this.#begin({ name, key, kind, condition, hasRequest, stamp: clock?.stamp ?? 0n });
    if (kind === "get") {
      await this.#attempt(operation, (frontEnd) => this.#get(frontEnd, key, readConcern, clock));
      return;
    }
    const content = (frontEnd: FrontEnd, value: string): NewContent => {
      const expires = lifeMs === 0 ? 0 : frontEnd.process.now() + lifeMs;
      return { value: Buffer.from(value), type: "", metadata: "", expires };
    };
    const write = async (frontEnd: FrontEnd): Promise<Answer> => {
      const store = frontEnd.store!;
      const writes = {
        put: () => store.put(key, content(frontEnd, name), options),
        delete: () => store.delete(key, options),
        update: () =>
          store.update(key, ({ value }) => content(frontEnd, `${Buffer.from(value).toString()},${name}`), options),
      };
      const { epoch } = this.#options.oracle.topology;
      const owed = condition === undefined && !hasRequest && kind !== "update" ? [] : frontEnd.owedToHomeOf(key);
      const result = await writes[kind]().catch((error: unknown) => {
        const isDecided = error instanceof StoreError && !isRetriable(error.code) && refusals.has(error.code);
        if (isDecided) frontEnd.checkDecided(name, key, owed, epoch);
        throw error;
      });
      frontEnd.checkDecided(name, key, owed, epoch);
      frontEnd.noteAnswer(key, result.version, result.isReplay);
      return this.#applied(key, result);
    };
    let mayBeApplied = false;
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#attempt(operation, write);
      if (answer.kind === "unknown") mayBeApplied = true;
      else if (answer.kind === "refused" && mayBeApplied && isRetriable(answer.code)) {
        operation.answer = { kind: "unknown", version: undefined };
      } else if (answer.kind !== "refused" || !isRetriable(answer.code)) return;
      // Only a request with an id may be repeated.
      if (!hasRequest || attempt >= 3) return;
      // Its id is not remembered for ever.
      if (world.now - operation.invokedAt > requestAgeMs / 2) return;
      await world.wait(random.exponential(300));
    }
  }

  #begin(given: Omit<Operation, "invoked" | "answered" | "invokedAt" | "answeredAt" | "answer">): Operation {
    const operation = {
      ...given,
      invoked: this.#options.world.time,
      answered: Number.POSITIVE_INFINITY,
      invokedAt: this.#options.world.now,
      answeredAt: Number.POSITIVE_INFINITY,
      answer: undefined,
    };
    this.#options.history.push(operation);
    return operation;
  }

  async #attempt(operation: Operation, work: (frontEnd: FrontEnd) => Promise<Answer>): Promise<Answer> {
    const { world, oracle, frontEnds } = this.#options;
    const started = frontEnds().filter(({ store }) => store !== undefined);
    const frontEnd = started.length === 0 ? undefined : world.random.pick(started);
    const lost: Answer = { kind: "unknown", version: undefined };
    let answer: Answer;
    if (frontEnd === undefined) answer = { kind: "refused", code: "no_replica", current: undefined };
    else {
      const { name, key, kind } = operation;
      world.note(
        () =>
          `${this.name} ${name} asks ${frontEnd.process.name}: ${kind} ${key} ${JSON.stringify(operation.condition ?? "")}`,
      );
      // One that is paused reads it when it goes on.
      const received = new Promise<void>((resolve) => frontEnd.process.deliver(resolve));
      answer = await Promise.race([
        received.then(() => this.#startOn(frontEnd, work)).catch((error: unknown) => this.#failed(error)),
        frontEnd.gone.then(() => lost),
        world.wait(patienceMs).then(() => lost),
      ]);
    }
    operation.answer = answer;
    operation.answered = world.time;
    operation.answeredAt = world.now;
    world.note(() => `${this.name} ${operation.name} is told ${describeAnswer(answer)}`);
    world.mix(answer.kind.length);
    if (answer.kind === "applied" || answer.kind === "read") {
      if (answer.version !== undefined) {
        world.mix(Number(answer.version.stamp & 0x7fffffffn));
        this.#known.set(operation.key, answer.version);
      } else this.#known.delete(operation.key);
    }
    if (answer.kind === "refused" && answer.code === "not_fresh_enough" && operation.kind !== "get")
      oracle.fail(`${operation.name}, a write, was told not_fresh_enough`);
    return answer;
  }

  #startOn(frontEnd: FrontEnd, work: (frontEnd: FrontEnd) => Promise<Answer>): Promise<Answer> {
    const working = work(frontEnd);
    const { onRequest } = frontEnd;
    frontEnd.onRequest = undefined;
    onRequest?.();
    return working;
  }

  async #get(
    frontEnd: FrontEnd,
    key: string,
    readConcern: "home" | "quorum" | "all",
    clock: ClockToken | undefined,
  ): Promise<Answer> {
    const { oracle } = this.#options;
    const home = oracle.replicasOf(key)[0]!.name;
    // While homes switch, the next replica may be asked.
    const isSettled = () =>
      frontEnd.store!.topology.current().epoch === oracle.topology.epoch &&
      oracle.topology.change?.phase !== "switching";
    const wasSteady = frontEnd.isSteady(home) && isSettled();
    const { epoch } = oracle.topology;
    const { changes } = frontEnd;
    const record = await frontEnd.store!.get(key, { readConcern, clock });
    checkRead(oracle, key, record?.version, clock);
    const isFromHome =
      readConcern === "home" &&
      clock === undefined &&
      wasSteady &&
      frontEnd.changes === changes &&
      isSettled() &&
      epoch === oracle.topology.epoch;
    if (record !== undefined) {
      const write = oracle.find(key, record.version);
      if (write === undefined)
        oracle.fail(`a read of ${key} gave ${formatVersion(record.version)}, which was never written`);
      else if (!Buffer.from(write.record.value).equals(record.value))
        oracle.fail(`a read of ${key} gave a wrong value`);
    }
    return { kind: "read", version: record?.version, isFromHome };
  }

  #applied(key: string, { version, existed, clock, isReplay, confirmed }: WriteResult): Answer {
    const { oracle } = this.#options;
    const holders = oracle.databases.filter(({ state }) => {
      const row = state.records.get(key);
      return row !== undefined && compareVersions(row.version, version) >= 0;
    });
    const wasForgotten = (oracle.purged.get(key)?.stamp ?? 0n) >= version.stamp;
    const wereSetBack = oracle.databases.some(({ setbacks }) => setbacks > 0);
    if (holders.length < confirmed && !isReplay && !wasForgotten && !wereSetBack)
      oracle.fail(`${formatVersion(version)} of ${key} is on ${holders.length} replicas, not on ${confirmed} as told`);
    this.token = clock;
    return { kind: "applied", version, existed: isReplay ? undefined : existed };
  }

  #failed(error: unknown): Answer {
    const { oracle } = this.#options;
    if (!(error instanceof StoreError)) {
      const what = error instanceof PartitionError ? "a raw PartitionError" : "an unexpected error";
      oracle.fail(`a client met ${what}: ${(error as Error)?.stack ?? String(error)}`);
      return { kind: "unknown", version: undefined };
    }
    const { version: text } = error.details;
    const version = typeof text === "string" ? parseVersion(text) : undefined;
    if (error.code === "outcome_unknown") return { kind: "unknown", version };
    if (error.code === "write_concern_unmet") return { kind: "applied", version: version!, existed: undefined };
    if (!refusals.has(error.code)) oracle.fail(`a client met ${error.code}: ${error.message}`);
    return { kind: "refused", code: error.code, current: version };
  }
}

/** A reader with a clock token never gets less than it knows of. */
export function checkRead(
  oracle: Oracle,
  key: string,
  version: Version | undefined,
  clock: ClockToken | undefined,
): void {
  const hash = keyHash(key);
  const known = clock?.writes.find((write) => write.hash === hash)?.version;
  // What was lost with a disk may be missed.
  if (known === undefined || oracle.find(key, known)?.isLost === true) return;
  if (version !== undefined) {
    if (compareVersions(version, known) < 0)
      oracle.fail(`a read of ${key} gave ${formatVersion(version)} to who knows of ${formatVersion(known)}`);
    return;
  }
  // Absent is right when something as new deleted it or has expired.
  const writes = oracle.committed.get(key) ?? [];
  const isAbsent = ({ record }: (typeof writes)[number]) => record.isTombstone || record.expires !== 0;
  if (!writes.some((write) => isAbsent(write) && compareVersions(write.record.version, known) >= 0))
    oracle.fail(`a read of ${key} gave nothing to who knows of ${formatVersion(known)}`);
}

export function describeAnswer(answer: Answer): string {
  const version = "version" in answer && answer.version ? formatVersion(answer.version) : "";
  if (answer.kind === "refused")
    return `refused: ${answer.code} ${answer.current ? formatVersion(answer.current) : ""}`;
  if (answer.kind === "applied") return `applied ${version}, existed ${answer.existed}`;
  return `${answer.kind} ${version}`;
}

function isRetriable(code: string): boolean {
  return code !== "precondition_failed" && code !== "not_found";
}
