import type { Plan } from "../../topology/plan.ts";
import type { Topology } from "../../topology/topology.ts";
import { byteText } from "../terminal/byte-text.ts";
import { fittedTable } from "../terminal/table.ts";

/** Assumed, not measured: the plan says so, and the progress shows what it is. */
export const assumedKeysPerSecond = 5000;

/** The epoch that it makes. */
const firstChange = 2;

/** A plan as a person reads it before saying yes, in lines of at most `width`. */
export function planLines(topology: Topology, plan: Plan, keysPerSecond: number | undefined, width: number): string[] {
  const { change } = topology;
  const moves = plan.moves.map(({ from, to, keys, bytes }) => [`${from} -> ${to}`, `${keys} keys`, byteText(bytes)]);
  const seconds = plan.keys / (keysPerSecond ?? assumedKeysPerSecond);
  const rate =
    keysPerSecond === undefined
      ? `if ${assumedKeysPerSecond} keys a second are brought`
      : `at ${keysPerSecond} keys a second`;
  return [
    `${layoutText(topology)}`,
    `will be ${layoutText(change ?? topology)}`,
    ...fittedTable(moves, width),
    moves.length === 0
      ? "nothing is moved"
      : `${plan.keys} keys, ${byteText(plan.bytes)}, in about ${durationText(seconds)} ${rate}`,
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
