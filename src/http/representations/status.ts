import type { PartitionStatus, StoreStatus } from "../../store-types.ts";
import type { DocumentFormat } from "../negotiation.ts";
import { statusPage } from "../pages/status-page.ts";
import type { RequestTotals } from "../request-counts.ts";
import { documentHeaders, type Rendering } from "./rendering.ts";
import { syncDocument, syncFacts, syncXml } from "./sync-status.ts";
import { alignedText, loadText, topologyText } from "./text.ts";
import { isoTime } from "./time.ts";
import { xmlDocument, xmlElement, xmlText } from "./xml.ts";

/** The state of the store and of its partitions, and what this front end answered. Keys are named where `mayRead` says so. */
export function renderStatus(
  format: DocumentFormat,
  status: StoreStatus,
  requests: RequestTotals,
  mayRead: (key: string) => boolean,
): Rendering {
  return { body: writers[format](statusDocument(status, requests, mayRead)), headers: documentHeaders[format] };
}

/** Plain numbers and texts only, whatever the partitions' clients gave. */
function statusDocument(
  { cluster, writer, isReady, missing, replicas, partitions, topology, sync }: StoreStatus,
  requests: RequestTotals,
  mayRead: (key: string) => boolean,
) {
  const facts = { ready: isReady, missing, cluster, writer, replicas, requests };
  return {
    ...facts,
    topology: topologyDocument(topology),
    partitions: partitions.map(partitionDocument),
    sync: syncDocument(sync, mayRead),
  };
}

function topologyDocument({ epoch, change, progress, waitsFor }: StoreStatus["topology"]) {
  return {
    epoch,
    ...(change === "" ? {} : { change, progress: Math.round((progress ?? 0) * 1000) / 1000 }),
    ...(waitsFor === "" ? {} : { waitsFor }),
  };
}

function partitionDocument({
  name,
  url,
  state,
  problem,
  engine,
  durability,
  latencyMs,
  owed,
  batches,
  size,
  load,
}: PartitionStatus) {
  return {
    name,
    url,
    state,
    ...(problem === "" ? {} : { problem }),
    engine,
    durability,
    latencyMs: Math.round(latencyMs * 1000) / 1000,
    ...(batches === undefined ? {} : { batches }),
    ...(size === undefined ? {} : { size: { keys: size.keys, bytes: size.bytes, at: isoTime(size.at) } }),
    ...(load === undefined
      ? {}
      : { load: { reads: tenths(load.reads), writes: tenths(load.writes), batches: tenths(load.batches) } }),
    // Left out when the partition could not be asked, which is not the same as owing nothing.
    ...(owed === undefined
      ? {}
      : {
          owed: owed.map(({ target, count, standIns, oldest }) => ({
            target,
            count: Number(count),
            standIns: Number(standIns),
            oldest: isoTime(Number(oldest)),
          })),
        }),
  };
}

function tenths(rate: number): number {
  return Math.round(rate * 10) / 10;
}

export type StatusDocument = ReturnType<typeof statusDocument>;
export type PartitionDocument = ReturnType<typeof partitionDocument>;

const writers = {
  json: (status: StatusDocument) => JSON.stringify(status),
  xml: statusXml,
  html: statusPage,
  txt: statusText,
};

function statusXml({
  ready,
  missing,
  cluster,
  writer,
  replicas,
  requests,
  topology,
  partitions,
  sync,
}: StatusDocument): string {
  return xmlDocument(
    xmlElement(
      "status",
      xmlText("ready", String(ready)) +
        xmlElement("missing", missing.map((reason) => xmlText("reason", reason)).join("")) +
        xmlText("cluster", cluster) +
        xmlText("writer", writer) +
        xmlText("replicas", String(replicas)) +
        requestsXml(requests) +
        xmlElement("topology", numbersXml(topology)) +
        xmlElement("partitions", partitions.map(partitionXml).join("")) +
        syncXml(sync),
    ),
  );
}

function requestsXml({ durations, ...counts }: RequestTotals): string {
  const duration = ({ upToMs, count }: RequestTotals["durations"][number]) =>
    xmlElement("duration", xmlText("upToMs", upToMs?.toString()) + xmlText("count", String(count)));
  return xmlElement("requests", numbersXml(counts) + xmlElement("durations", durations.map(duration).join("")));
}

function numbersXml(numbers: object): string {
  return Object.entries(numbers)
    .map(([name, number]) => xmlText(name, String(number)))
    .join("");
}

function partitionXml(partition: PartitionDocument): string {
  const owed = partition.owed?.map(({ target, count, standIns, oldest }) =>
    xmlElement(
      "hints",
      xmlText("target", target) +
        xmlText("count", String(count)) +
        xmlText("standIns", String(standIns)) +
        xmlText("oldest", oldest),
    ),
  );
  return xmlElement(
    "partition",
    xmlText("name", partition.name) +
      xmlText("url", partition.url) +
      xmlText("state", partition.state) +
      xmlText("problem", partition.problem) +
      xmlText("engine", partition.engine) +
      xmlText("durability", partition.durability) +
      xmlText("latencyMs", String(partition.latencyMs)) +
      batchesXml(partition.batches) +
      (partition.size === undefined ? "" : xmlElement("size", numbersXml(partition.size))) +
      (partition.load === undefined ? "" : xmlElement("load", numbersXml(partition.load))) +
      (owed === undefined ? "" : xmlElement("owed", owed.join(""))),
  );
}

function batchesXml(batches: PartitionDocument["batches"]): string {
  if (batches === undefined) return "";
  const kinds = Object.entries(batches).map(([kind, counts]) => xmlElement(kind, numbersXml(counts)));
  return xmlElement("batches", kinds.join(""));
}

function statusText({
  ready,
  missing,
  cluster,
  writer,
  replicas,
  requests,
  topology,
  partitions,
  sync,
}: StatusDocument): string {
  const facts = [
    ["state", ready ? "ready" : "not ready"],
    ...missing.map((reason) => ["missing", reason]),
    ["cluster", cluster],
    ["writer", writer],
    ["replicas", String(replicas)],
    ["requests", requestsText(requests)],
    ["topology", topologyText(topology)],
  ];
  const tables = [facts, [columns, ...partitions.map(cells)], syncFacts(sync)];
  return tables.map(alignedText).join("\n");
}

function requestsText({ reads, writes, failed, inFlight }: RequestTotals): string {
  return `${reads} reads and ${writes} writes answered, ${failed} failed, ${inFlight} under way`;
}

const columns = [
  "Partition",
  "State",
  "Keys",
  "Bytes",
  "Counted",
  "Load",
  "Owes",
  "Latency",
  "Engine",
  "Durability",
  "URL",
  "Problem",
];

function cells(partition: PartitionDocument): string[] {
  return [
    partition.name,
    partition.state,
    ...sizeCells(partition.size),
    loadText(partition.load),
    partition.owed === undefined ? "unknown" : owedText(partition.owed),
    `${partition.latencyMs} ms`,
    partition.engine,
    partition.durability,
    partition.url,
    partition.problem ?? "",
  ];
}

function sizeCells(size: PartitionDocument["size"]): string[] {
  return size === undefined ? ["unknown", "unknown", "not yet"] : [String(size.keys), String(size.bytes), size.at];
}

function owedText(owed: NonNullable<PartitionDocument["owed"]>): string {
  if (owed.length === 0) return "nothing";
  return owed.map(({ target, count, oldest }) => `${count} to ${target} since ${oldest}`).join(", ");
}
