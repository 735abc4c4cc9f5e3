import type { StoredTopology } from "../partition.ts";
import type { Topology } from "../topology/topology.ts";
import { floorNames } from "./progress.ts";

const epochName = "epoch";
/** The rows of the meta table that every write looks at. */
export const fenceNames = [...floorNames, epochName];
/** The rows that hold a partition's part in changes of the topology. The first one is always there, and their lock. */
export const topologyNames = [epochName, "topology", "promised", "accepted"];

/** What is known before anything was. */
export const noTopology: StoredTopology = { topology: undefined, promised: "", accepted: undefined };

/** A promise can only be replaced by a greater one. */
export function withPromise(present: StoredTopology, ballot: string): StoredTopology {
  return ballot > present.promised ? { ...present, promised: ballot } : present;
}

/** `undefined` when a greater ballot was promised, or the topology does not follow upon the one that is known here. */
export function withAccepted(present: StoredTopology, ballot: string, topology: Topology): StoredTopology | undefined {
  if (ballot < present.promised || topology.epoch !== epochOf(present) + 1) return undefined;
  return { ...present, promised: ballot, accepted: { ballot, topology } };
}

/** An older topology changes nothing; a newer one ends what was to be decided of it. */
export function withAdopted(present: StoredTopology, topology: Topology): StoredTopology {
  if (topology.epoch <= epochOf(present)) return present;
  const { accepted } = present;
  const isOver = accepted !== undefined && accepted.topology.epoch <= topology.epoch;
  return { ...present, topology, accepted: isOver ? undefined : accepted };
}

export function epochOf({ topology }: StoredTopology): number {
  return topology?.epoch ?? 0;
}

/** The same of the rows alone that every write looks at. */
export function epochOfRows(meta: ReadonlyMap<string, string>): number {
  return Number(meta.get(epochName) ?? 0);
}

/** As rows of the meta table. */
export function topologyRows(stored: StoredTopology): [name: string, value: string][] {
  const { topology, promised, accepted } = stored;
  return [
    [epochName, String(epochOf(stored))],
    ["topology", topology === undefined ? "" : JSON.stringify(topology)],
    ["promised", promised],
    ["accepted", accepted === undefined ? "" : JSON.stringify(accepted)],
  ];
}

/** What the rows of the meta table say. */
export function storedTopologyOf(meta: ReadonlyMap<string, string>): StoredTopology {
  return {
    topology: parsed(meta.get("topology")),
    promised: meta.get("promised") ?? "",
    accepted: parsed(meta.get("accepted")),
  };
}

function parsed<T>(text: string | undefined): T | undefined {
  return text === undefined || text === "" ? undefined : (JSON.parse(text) as T);
}
