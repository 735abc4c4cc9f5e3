import type { Plan } from "../../topology/plan.ts";
import type { Topology } from "../../topology/topology.ts";
import { byteText } from "../terminal/byte-text.ts";
import { fittedTable } from "../terminal/table.ts";

/** Of two partitions on an ordinary machine, where no change of this store has shown how many there are. */
const assumedKeysPerSecond = 5000;

/** How many keys a second are likely to be brought, and how that is known. */
export interface Rate {
  readonly keysPerSecond: number;
  /** `limited`: as asked for; `measured`: as the last change did; `assumed`: nobody knows. */
  readonly rate: "limited" | "measured" | "assumed";
}

export function rateOf(limit: number | undefined, measured: number | undefined): Rate {
  if (limit !== undefined && limit < (measured ?? Number.POSITIVE_INFINITY)) {
    return { keysPerSecond: limit, rate: "limited" };
  }
  if (measured !== undefined) return { keysPerSecond: Math.max(1, Math.round(measured)), rate: "measured" };
  return { keysPerSecond: assumedKeysPerSecond, rate: "assumed" };
}

const rateTexts: Record<Rate["rate"], string> = {
  limited: "keys a second, as --rate says",
  measured: "keys a second, as the last change brought them",
  assumed: "keys a second, which is assumed: no change of this store has been measured yet",
};

/** The epoch that it makes. */
const firstChange = 2;

/** A plan as a person reads it before saying yes, in lines of at most `width`. */
export function planLines(topology: Topology, plan: Plan, { keysPerSecond, rate }: Rate, width: number): string[] {
  const { change } = topology;
  const moves = plan.moves.map(({ from, to, keys, bytes }) => [`${from} -> ${to}`, `${keys} keys`, byteText(bytes)]);
  return [
    `${layoutText(topology)}`,
    `will be ${layoutText(change ?? topology)}`,
    ...fittedTable(moves, width),
    moves.length === 0
      ? "nothing is moved"
      : `${plan.keys} keys, ${byteText(plan.bytes)}, in about ${durationText(plan.keys / keysPerSecond)} at ${keysPerSecond} ${rateTexts[rate]}`,
    `${percent(plan.homes)} of the keys get another home; reads and writes go on meanwhile`,
    ...(topology.epoch === firstChange
      ? ["the store's first change: front ends of a Kvasir that knows no topology are refused from now on"]
      : []),
    ...(plan.lost > 0 ? [`${percent(plan.lost)} of the keys are on ${change?.lost} alone, and are lost for good`] : []),
    ...(change?.lost === undefined
      ? []
      : [`what ${change.lost} alone had taken and not yet handed on is lost for good`]),
  ];
}

function layoutText({ members, replicas }: Pick<Topology, "members" | "replicas">): string {
  const names = members.map(({ name, weight }) => (weight === 1 ? name : `${name} (weight ${weight})`));
  return `${names.join(", ")}; ${replicas === "all" ? "all hold every key" : `${replicas} hold each key`}`;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
}

function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
