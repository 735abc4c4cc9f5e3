import { ConfigError } from "../errors.ts";
import { givenUpBy } from "../replicas/given-up.ts";
import type { PlacedPartition } from "../replicas/placement.ts";

/** Which partitions hold keys, and how many of them each key. */
export interface Layout {
  readonly members: readonly PlacedPartition[];
  readonly replicas: "all" | number;
}

type ChangeKind = "add" | "drain" | "replace" | "weight" | "replicas";

/** A change under way, and what it leads to. */
interface Change extends Layout {
  readonly id: string;
  readonly kind: ChangeKind;
  /**
   * `filling`: those who gain keys are given them, while the old members decide. `switching`: the new ones decide, each
   * as soon as it has all that the old ones decided.
   */
  readonly phase: "filling" | "switching";
  /** A member whose data is gone for good: nobody waits for it any more. */
  readonly lost?: string;
  /** How many keys a second are brought to those who gain them, at most. */
  readonly keysPerSecond?: number;
  /** While switching: request ids recorded before this time (ms) have been brought to the new homes. */
  readonly requestsUntil?: number;
}

/**
 * The partitions of a store as all of them have it, and the change that is under way. An epoch stands for exactly one
 * topology; 0 stands for none: then each front end goes by its configuration.
 */
export interface Topology extends Layout {
  readonly epoch: number;
  /** Names that are never taken again. */
  readonly gone: readonly string[];
  readonly change?: Change;
  /**
   * Members that were given up as lost by changes that were cancelled, in that order: what they were home of and one other
   * holds may have been decided by that one, which stays its home until a change is done.
   */
  readonly givenUp?: readonly string[];
}

/** What somebody asks for. */
export type ChangeRequest = (
  | { readonly kind: "add"; readonly name: string; readonly weight: number }
  | { readonly kind: "drain"; readonly name: string; readonly isLost?: boolean }
  | {
      readonly kind: "replace";
      readonly name: string;
      readonly by: string;
      /** By default that of the one replaced. */
      readonly weight?: number;
      readonly isLost?: boolean;
    }
  | { readonly kind: "weight"; readonly name: string; readonly weight: number }
  | { readonly kind: "replicas"; readonly replicas: "all" | number }
) & { readonly keysPerSecond?: number };

/**
 * The topology that begins the change.
 *
 * @throws ConfigError when it makes no sense, or another change is under way.
 */
export function begun(topology: Topology, request: ChangeRequest, id: string): Topology {
  const { change, epoch, gone, members, replicas, givenUp } = topology;
  if (change !== undefined) {
    throw new ConfigError(`a change is under way already (${describeChange(topology)}); wait until it is done`);
  }
  const layout = changedLayout({ members, replicas }, gone, request);
  const lost = (request.kind === "drain" || request.kind === "replace") && request.isLost ? request.name : undefined;
  return {
    epoch: epoch + 1,
    members,
    replicas,
    gone,
    ...(givenUp !== undefined && { givenUp }),
    change: {
      id,
      kind: request.kind,
      phase: "filling",
      ...layout,
      ...(lost !== undefined && { lost }),
      ...(request.keysPerSecond !== undefined && { keysPerSecond: request.keysPerSecond }),
    },
  };
}

/** After filling. */
export function switched(topology: Topology, requestsUntil: number): Topology {
  const { change, epoch } = topology;
  if (change === undefined) throw new TypeError("there is no change");
  return { ...topology, epoch: epoch + 1, change: { ...change, phase: "switching", requestsUntil } };
}

/** After switching. */
export function finished(topology: Topology): Topology {
  const { change, epoch, gone, members } = topology;
  if (change === undefined) throw new TypeError("there is no change");
  const left = members.map(({ name }) => name).filter((name) => !change.members.some((each) => each.name === name));
  return { epoch: epoch + 1, members: change.members, replicas: change.replicas, gone: [...gone, ...left] };
}

/**
 * Instead of switching. Who was to join may be asked to join again.
 *
 * @throws ConfigError when nothing is under way, or it has come too far.
 */
export function cancelled(topology: Topology): Topology {
  const { change, epoch, gone, members, replicas } = topology;
  if (change === undefined) throw new ConfigError("no change is under way");
  if (change.phase === "switching") throw new ConfigError("the change has switched already; it ends by itself");
  const given = givenUpBy(topology);
  return { epoch: epoch + 1, members, replicas, gone, ...(given.length > 0 && { givenUp: given }) };
}

/** In a few words, such as `add p3, filling`. */
export function describeChange({ members, change }: Topology): string {
  if (change === undefined) return "";
  const come = change.members.filter(({ name }) => !members.some((each) => each.name === name));
  const go = members.filter(({ name }) => !change.members.some((each) => each.name === name));
  const names = [...go, ...come].map(({ name }) => name).join(" by ");
  return `${change.kind}${names && ` ${names}`}, ${change.phase}`;
}

/** All names that have to do with keys now: the members, and those of the change. */
export function namesOf({ members, change }: Topology): string[] {
  return [...new Set([...members, ...(change?.members ?? [])].map(({ name }) => name))];
}

function changedLayout({ members, replicas }: Layout, gone: readonly string[], request: ChangeRequest): Layout {
  if (request.kind === "replicas") return checked({ members, replicas: request.replicas });
  const others = members.filter(({ name }) => name !== request.name);
  const member = members.find(({ name }) => name === request.name);
  const joining = request.kind === "add" ? request.name : request.kind === "replace" ? request.by : undefined;
  if (joining !== undefined) {
    if (members.some(({ name }) => name === joining)) throw new ConfigError(`${joining} is a member already`);
    if (gone.includes(joining)) {
      throw new ConfigError(`${joining} was a member before, and names are never taken again; give it a new name`);
    }
  }
  if (request.kind === "add") {
    return checked({ members: [...members, { name: request.name, weight: request.weight }], replicas });
  }
  if (member === undefined) {
    const names = members.map(({ name }) => name).join(", ");
    throw new ConfigError(`there is no partition ${request.name} in the topology; there are ${names}`);
  }
  if (request.kind === "drain") return checked({ members: others, replicas });
  if (request.kind === "replace") {
    return checked({ members: [...others, { name: request.by, weight: request.weight ?? member.weight }], replicas });
  }
  return checked({
    members: members.map((each) => (each === member ? { name: each.name, weight: request.weight } : each)),
    replicas,
  });
}

function checked(layout: Layout): Layout {
  const { members, replicas } = layout;
  if (members.length === 0) throw new ConfigError("the last partition cannot leave");
  if (members.length > 255) throw new ConfigError("a store has 255 partitions at most");
  if (members.some(({ weight }) => !(weight > 0))) throw new ConfigError("a weight is a number above 0");
  if (replicas !== "all" && replicas > members.length) {
    throw new ConfigError(
      `replicas = ${replicas} need as many partitions, and there would be ${members.length}; lower replicas first`,
    );
  }
  return layout;
}
