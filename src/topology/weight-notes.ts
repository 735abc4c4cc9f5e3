import type { PlacedPartition } from "../replicas/placement.ts";
import type { Log } from "../replicas/replica.ts";
import type { Topology } from "./topology.ts";

export interface WeightNotesOptions {
  readonly topology: () => Topology;
  /** What the configuration says by now. Throws when it cannot be read. */
  readonly configured: () => readonly PlacedPartition[];
  readonly log: Log;
}

/**
 * Who has another weight in the configuration than in the store. The store's counts, as all front ends must place keys
 * alike: whoever edits the file only is told so, once in the log and for as long as it is so in the status.
 */
export class WeightNotes {
  readonly #options: WeightNotesOptions;
  #notes = new Map<string, string>();

  constructor(options: WeightNotesOptions) {
    this.#options = options;
  }

  /** What is to be said of a partition's weight; `""` when it is as configured. */
  of(name: string): string {
    return this.#notes.get(name) ?? "";
  }

  /** Compares anew: the topology is another one, or the configuration may be. */
  look(): void {
    const { topology, configured, log } = this.#options;
    const { epoch, members, change } = topology();
    if (epoch === 0) return;
    const before = this.#notes;
    this.#notes = new Map();
    const sections = sectionsOf(configured);
    for (const { name, weight } of change?.members ?? members) {
      const section = sections.find((each) => each.name === name);
      if (section === undefined || section.weight === weight) continue;
      const note = `its weight is ${weight} in the store, and ${section.weight} in the configuration: set weight = ${weight} there, or run kvasir partition weight ${name} ${section.weight}`;
      this.#notes.set(name, note);
      if (before.get(name) !== note) log.warn({ partition: name, problem: note }, "weight differs");
    }
  }
}

/** A file that is just being edited is looked at next time. */
function sectionsOf(configured: WeightNotesOptions["configured"]): readonly PlacedPartition[] {
  try {
    return configured();
  } catch {
    return [];
  }
}
