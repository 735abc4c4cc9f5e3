import type { ChangeRequest } from "../../src/topology/topology.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

export type Fault =
  | "cut"
  | "loss"
  | "slow"
  | "crash"
  | "pause"
  | "full"
  | "restore"
  | "replace"
  | "front end crash"
  | "front end pause"
  | "clock step"
  | "hours";

/** What a seed makes of a schedule. */
export interface Settings {
  readonly partitions: number;
  readonly replicas: "all" | number;
  readonly frontEnds: number;
  readonly clients: number;
  readonly keys: readonly string[];
  /** Of these, some writes expire. */
  readonly expiringKeys: ReadonlySet<string>;
  readonly operations: number;
  readonly standIn: boolean;
  /** Partitions with a clock of their own. */
  readonly haveServerClocks: boolean;
  /** Connections that were idle when a server started anew are replaced without anybody noticing. */
  readonly hidesRestarts: boolean;
  /** By how much wall clocks may be off. */
  readonly skewMs: number;
  readonly drift: number;
  readonly passIntervalMs: number;
  readonly purgeIntervalMs: number;
  readonly thinkMs: number;
  readonly faultEveryMs: number;
  readonly faults: readonly Fault[];
  /** Changes of the topology, one after the other. */
  readonly changes: readonly ChangeRequest["kind"][];
  /** A front end is killed at this of its calls that have to do with a change; 0 for none. */
  readonly killedAt: number;
}

/** The changes of a schedule, or none: drawn apart from everything else. */
export function drawChanges(random: SeededRandom, settings: Settings): readonly ChangeRequest["kind"][] {
  if (settings.changes.length > 0) return settings.changes;
  return random.chance(0.85) ? [] : someChanges(random, settings);
}

function someChanges(random: SeededRandom, { partitions, replicas }: Settings): ChangeRequest["kind"][] {
  const kinds: ChangeRequest["kind"][] = ["add", "replace", "weight"];
  if (partitions > 2) kinds.push("drain", "replicas");
  if (replicas === "all") kinds.push("add", "replace");
  return Array.from({ length: random.pick([1, 1, 2]) }, () => random.pick(kinds));
}

export const purgeAfterMs = 3_600_000;

/** What a schedule is mostly about; chance decides the rest. */
const themes: readonly {
  readonly share: number;
  readonly faults: readonly Fault[];
  readonly always: readonly Fault[];
  /** Many clients and few keys. */
  readonly isHot?: boolean;
  /** Few keys that clients change all the time while the partitions of the store are changed. */
  readonly isChanging?: boolean;
  /** Many writes wait, passes and purges follow each other fast, and proxies hide that a server was restored. */
  readonly isHeld?: boolean;
  /** Half of the schedules have clients that go on writing a key or two while its home comes and goes. */
  readonly isLively?: boolean;
}[] = [
  {
    share: 5,
    always: [],
    faults: [
      "cut",
      "loss",
      "slow",
      "crash",
      "pause",
      "full",
      "restore",
      "replace",
      "front end crash",
      "front end pause",
      "clock step",
      "hours",
    ],
  },
  // Tombstones, purges, and what comes too late.
  { share: 2, always: ["hours"], faults: ["slow", "pause", "front end pause", "front end crash", "clock step", "cut"] },
  // Disks that come back with what everybody else has forgotten.
  { share: 2, always: ["hours", "restore"], faults: ["replace", "slow", "cut", "front end pause", "crash"] },
  // One key that everybody writes, and answers that get lost.
  { share: 2, isHot: true, always: ["loss", "crash"], faults: ["cut", "slow", "pause", "full", "front end crash"] },
  // Homes that come and go.
  {
    share: 2,
    isLively: true,
    always: ["cut"],
    faults: ["crash", "loss", "pause", "front end crash", "slow", "clock step"],
  },
  // Front ends that do not know yet who decides.
  { share: 1, isChanging: true, always: ["cut"], faults: ["loss", "slow", "front end pause", "pause", "full"] },
  // What is sent again when everybody has forgotten about it.
  { share: 1, isHeld: true, always: ["hours", "front end pause"], faults: ["restore", "slow", "loss", "cut", "pause"] },
];

export function drawSettings(random: SeededRandom): Settings {
  const theme = random.pick(themes.flatMap((each) => Array.from({ length: each.share }, () => each)));
  const isMixed = theme.always.length === 0;
  const isHot = theme.isHot === true;
  const partitions = random.pick([2, 2, 3, 3, 3, 4]);
  const keys = Array.from(
    { length: isMixed ? random.integer(3, 8) : random.integer(1, isHot ? 2 : 4) },
    (_, index) => `k${index}`,
  );
  const faults = new Set<Fault>(theme.always);
  for (let more = random.integer(0, isMixed ? 6 : 3); more > 0; more--) faults.add(random.pick(theme.faults));
  const hasServerClocks = random.chance(0.3);
  // A front end whose clock is off refuses writes where it can tell; where it cannot, much has to be borne.
  const hidesRestarts = random.chance(0.15);
  const skewMs = !hasServerClocks && random.chance(0.4) ? 600_000 : 900;
  const [intervalMsMin, intervalMsMax] = faults.has("hours") ? [300, 4000] : [2000, 12_000];
  const settings: Settings = {
    partitions,
    replicas: partitions > 2 && random.chance(0.3) ? 2 : "all",
    frontEnds: random.integer(1, 3),
    clients: isHot ? random.integer(4, 8) : random.integer(1, 4),
    keys,
    expiringKeys: new Set(keys.filter(() => random.chance(0.2))),
    operations: random.integer(30, 80),
    standIn: random.chance(0.65),
    haveServerClocks: hasServerClocks,
    hidesRestarts,
    skewMs,
    drift: random.chance(0.3) ? 0.001 : 0,
    passIntervalMs: random.integer(intervalMsMin, intervalMsMax),
    purgeIntervalMs: random.integer(intervalMsMin, intervalMsMax),
    thinkMs: isHot ? 5 : random.pick([5, 100, 400, 900]),
    faultEveryMs: isHot ? 20 : random.pick([300, 800, 2000]),
    faults: [...faults],
    changes: [],
    killedAt: 0,
  };
  if (theme.isChanging === true) {
    const busy = { frontEnds: 3, clients: 6, keys: keys.slice(0, 2), faultEveryMs: 300 };
    return { ...settings, ...busy, changes: [...someChanges(random, settings), ...someChanges(random, settings)] };
  }
  if (theme.isHeld === true) {
    const [passIntervalMs, purgeIntervalMs] = [random.integer(200, 900), random.integer(200, 900)];
    const busy = { frontEnds: 3, clients: 8, keys: keys.slice(0, 2), operations: 200, thinkMs: 10, faultEveryMs: 150 };
    return { ...settings, ...busy, hidesRestarts: true, passIntervalMs, purgeIntervalMs };
  }
  if (theme.isLively !== true || random.chance(0.5)) return settings;
  return {
    ...settings,
    clients: 4,
    keys: keys.slice(0, 2),
    operations: 160,
    standIn: true,
    thinkMs: 15,
    faultEveryMs: 200,
  };
}
