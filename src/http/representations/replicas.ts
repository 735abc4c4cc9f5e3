import { isLive } from "../../record.ts";
import type { ReplicaRecord } from "../../store-types.ts";
import { formatVersion, versionTime } from "../../version.ts";
import type { DocumentFormat } from "../negotiation.ts";
import { replicasPage } from "../pages/replicas-page.ts";
import { documentHeaders, type Rendering } from "./rendering.ts";
import { alignedText, onOneLine } from "./text.ts";
import { isoTime } from "./time.ts";
import { xmlDocument, xmlElement, xmlText } from "./xml.ts";

/** What each replica holds of `key` at the time `now` (ms), home first. */
export function renderReplicas(
  format: DocumentFormat,
  key: string,
  replicas: readonly ReplicaRecord[],
  now: number,
): Rendering {
  const document = { key, replicas: replicas.map((replica) => replicaDocument(replica, now)) };
  return { body: writers[format](document), headers: documentHeaders[format] };
}

interface ReplicaDocument {
  readonly partition: string;
  readonly state: ReplicaRecord["state"];
  /** `unknown` when the partition could not be asked. */
  readonly record: "live" | "tombstone" | "expired" | "absent" | "unknown";
  readonly version?: string;
  /** ISO 8601, as `expires`. */
  readonly modified?: string;
  readonly expires?: string;
}

interface ReplicasDocument {
  readonly key: string;
  readonly replicas: readonly ReplicaDocument[];
}

function replicaDocument({ partition, state, record }: ReplicaRecord, now: number): ReplicaDocument {
  if (record === undefined) return { partition, state, record: "unknown" };
  if (record === "absent") return { partition, state, record };
  const { version, expires, isTombstone } = record;
  return {
    partition,
    state,
    record: isTombstone ? "tombstone" : isLive(record, now) ? "live" : "expired",
    version: formatVersion(version),
    modified: isoTime(versionTime(version)),
    ...(expires !== 0 && { expires: isoTime(expires) }),
  };
}

const writers = {
  json: (document: ReplicasDocument) => JSON.stringify(document),
  xml: replicasXml,
  html: replicasPage,
  txt: replicasText,
};

function replicasXml({ key, replicas }: ReplicasDocument): string {
  const elements = replicas.map((replica) =>
    xmlElement(
      "replica",
      Object.entries(replica)
        .map(([name, text]) => xmlText(name, text))
        .join(""),
    ),
  );
  return xmlDocument(xmlElement("record", xmlText("key", key) + xmlElement("replicas", elements.join(""))));
}

function replicasText({ key, replicas }: ReplicasDocument): string {
  return `${onOneLine(key)}\n${alignedText([columns, ...replicas.map(cells)])}`;
}

const columns = ["Partition", "State", "Record", "Version", "Modified", "Expires"];

function cells({ partition, state, record, version, modified, expires }: ReplicaDocument): string[] {
  return [partition, state, record, version ?? "", modified ?? "", expires ?? ""];
}
