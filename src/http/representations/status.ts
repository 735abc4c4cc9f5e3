import type { PartitionStatus, StoreStatus } from "../../store-types.ts";
import type { DocumentFormat } from "../negotiation.ts";
import { factTable, html, page } from "./html.ts";
import { documentHeaders, type Rendering } from "./rendering.ts";
import { syncDocument, syncFacts, syncXml } from "./sync-status.ts";
import { alignedText } from "./text.ts";
import { isoTime } from "./time.ts";
import { xmlDocument, xmlElement, xmlText } from "./xml.ts";

/** The state of the store and of its partitions. */
export function renderStatus(format: DocumentFormat, status: StoreStatus): Rendering {
  return { body: writers[format](statusDocument(status)), headers: documentHeaders[format] };
}

/** Plain numbers and texts only, whatever the partitions' clients gave. */
function statusDocument({ cluster, writer, isReady, missing, replicas, partitions, sync }: StoreStatus) {
  const facts = { ready: isReady, missing, cluster, writer, replicas };
  return { ...facts, partitions: partitions.map(partitionDocument), sync: syncDocument(sync) };
}

function partitionDocument({ name, url, state, problem, engine, durability, latencyMs, owed }: PartitionStatus) {
  return {
    name,
    url,
    state,
    ...(problem === "" ? {} : { problem }),
    engine,
    durability,
    latencyMs: Math.round(latencyMs * 1000) / 1000,
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

type StatusDocument = ReturnType<typeof statusDocument>;
type PartitionDocument = ReturnType<typeof partitionDocument>;

const writers = {
  json: (status: StatusDocument) => JSON.stringify(status),
  xml: statusXml,
  html: statusHtml,
  txt: statusText,
};

function statusXml({ ready, missing, cluster, writer, replicas, partitions, sync }: StatusDocument): string {
  return xmlDocument(
    xmlElement(
      "status",
      xmlText("ready", String(ready)) +
        xmlElement("missing", missing.map((reason) => xmlText("reason", reason)).join("")) +
        xmlText("cluster", cluster) +
        xmlText("writer", writer) +
        xmlText("replicas", String(replicas)) +
        xmlElement("partitions", partitions.map(partitionXml).join("")) +
        syncXml(sync),
    ),
  );
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
      (owed === undefined ? "" : xmlElement("owed", owed.join(""))),
  );
}

function statusHtml({ ready, missing, cluster, writer, replicas, partitions, sync }: StatusDocument): string {
  const state = ready ? "ready" : "not ready";
  return page(
    `Status: ${state}`,
    html`${factTable({ State: state, Cluster: cluster, Writer: writer, Replicas: replicas })}
${missing.length === 0 ? undefined : html`<h2>Missing</h2>\n<ul>\n${missing.map((reason) => html`<li>${reason}</li>\n`)}</ul>`}
<h2>Partitions</h2>
<table>
<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>
${partitions.map((partition) => html`<tr>${cells(partition).map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody>
</table>
<h2>Synchronisation</h2>
${factTable(Object.fromEntries(syncFacts(sync)))}`,
  );
}

function statusText({ ready, missing, cluster, writer, replicas, partitions, sync }: StatusDocument): string {
  const facts = [
    ["state", ready ? "ready" : "not ready"],
    ...missing.map((reason) => ["missing", reason]),
    ["cluster", cluster],
    ["writer", writer],
    ["replicas", String(replicas)],
  ];
  const tables = [facts, [columns, ...partitions.map(cells)], syncFacts(sync)];
  return tables.map(alignedText).join("\n");
}

const columns = ["Partition", "State", "Owes", "Latency", "Engine", "Durability", "URL", "Problem"];

function cells(partition: PartitionDocument): string[] {
  return [
    partition.name,
    partition.state,
    partition.owed === undefined ? "unknown" : owedText(partition.owed),
    `${partition.latencyMs} ms`,
    partition.engine,
    partition.durability,
    partition.url,
    partition.problem ?? "",
  ];
}

function owedText(owed: NonNullable<PartitionDocument["owed"]>): string {
  if (owed.length === 0) return "nothing";
  return owed.map(({ target, count, oldest }) => `${count} to ${target} since ${oldest}`).join(", ");
}
