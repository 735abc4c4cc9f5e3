import type { Runtime } from "../../src/runtime.ts";
import { SeededRandom } from "../support/seeded-random.ts";

/** The wall-clock time at which every schedule begins. */
const epochMs = Date.UTC(2030, 0, 1);

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Virtual time, one source of chance, and the events to come. Everything in a schedule hangs on one of these. */
export class World {
  readonly random: SeededRandom;
  /** Virtual milliseconds since the start. */
  time = 0;
  /** By how much all wall clocks have been moved forward together: hours in which nothing happened. */
  jumpMs = 0;
  /** Sums up everything that happened, in order: equal runs have equal ones. */
  traceHash = 0x811c9dc5;
  events = 0;
  readonly trace: string[] = [];
  readonly #isTracing: boolean;
  #order = 0;
  readonly #heap: Event[] = [];

  constructor(seed: number, isTracing: boolean) {
    this.random = new SeededRandom(seed);
    this.#isTracing = isTracing;
  }

  /** What a wall clock shows that is right. */
  get now(): number {
    return epochMs + this.jumpMs + this.time;
  }

  /** Runs `run` after `delayMs` of virtual time; gives a function that prevents it. */
  after(delayMs: number, run: () => void): () => void {
    const event: Event = { at: this.time + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Runs one event after the other, each with all that follows from it, until `isDone` or nothing is left. */
  async run(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      const event = this.#pop();
      if (event === undefined) return;
      if (event.run === undefined) continue;
      this.time = event.at;
      this.events++;
      this.mix(event.at * 1000);
      event.run();
      // An immediate runs only when no promise is left that could go on.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Takes note of something that happened, as part of what two equal runs must agree in. */
  mix(number: number): void {
    this.traceHash = Math.imul(this.traceHash ^ (number | 0), 0x01000193) >>> 0;
  }

  note(line: () => string): void {
    if (this.#isTracing) this.trace.push(`${(this.time / 1000).toFixed(4).padStart(10)}  ${line()}`);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A program in the simulation, with a clock of its own. It can be stopped for a while, and killed. */
export class Process implements Runtime {
  readonly name: string;
  isAlive = true;
  /** By how much its wall clock is off. */
  offsetMs = 0;
  /** How much faster than true time its clocks run, as a fraction. */
  drift = 0;
  readonly #world: World;
  #isPaused = false;
  #backlog: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  now(): number {
    const { time, now } = this.#world;
    return Math.floor(now + time * this.drift + this.offsetMs);
  }

  elapsed(): number {
    return this.#world.time * (1 + this.drift);
  }

  /** Some take it away from its object. */
  readonly random = (): number => this.#world.random.next();

  after(delayMs: number, run: () => void): () => void {
    let isCancelled = false;
    const cancel = this.#world.after(delayMs, () =>
      this.deliver(() => {
        if (!isCancelled) run();
      }),
    );
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  soon(run: () => void): void {
    this.#world.after(0, () => this.deliver(run));
  }

  /** Lets the process notice something: now, when it goes on, or never when it is dead. */
  deliver(run: () => void): void {
    if (!this.isAlive) return;
    if (this.#isPaused) this.#backlog.push(run);
    else run();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    // One by one, because each may be followed by others before the next.
    for (const run of this.#backlog.splice(0)) this.#world.after(0, () => this.deliver(run));
  }

  kill(): void {
    this.isAlive = false;
    this.#backlog = [];
  }
}
