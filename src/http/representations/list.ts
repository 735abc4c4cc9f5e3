import { parseMetadata, type ScannedRecord } from "../../record.ts";
import type { ListPage, ListRange } from "../../store-types.ts";
import { formatVersion, versionTime } from "../../version.ts";
import type { DocumentFormat } from "../negotiation.ts";
import { listPage } from "../pages/list-page.ts";
import { jsonLine, jsonObject } from "./json.ts";
import { xmlMetadata, xmlValue } from "./record.ts";
import { documentHeaders, type Rendering } from "./rendering.ts";
import { onOneLine } from "./text.ts";
import { isoTime } from "./time.ts";
import { documentValue, jsonValueMembers } from "./value-document.ts";
import { xmlDocument, xmlElement, xmlText } from "./xml.ts";

export interface KeyList {
  readonly page: ListPage;
  readonly range: ListRange;
  /** Opaque, for the client to send back; `undefined` on the last page. */
  readonly cursor: string | undefined;
  readonly withValues: boolean;
  /** The reference of the next page, for people; `undefined` on the last page. */
  readonly nextHref: string | undefined;
}

/** A page of keys; as text one key a line, then one common prefix a line. Text and HTML never show values. */
export function renderList(format: DocumentFormat, list: KeyList): Rendering {
  return { body: writers[format](list), headers: documentHeaders[format] };
}

/** One record of a streamed list: a JSON object and a line feed. */
export function renderListLine(record: ScannedRecord, withValues: boolean): string {
  return jsonLine(entryJson(record, withValues));
}

const writers = { json: listJson, xml: listXml, html: listPage, txt: listText };

function listJson({ page, cursor, withValues }: KeyList): string {
  return jsonObject({
    keys: `[${page.records.map((record) => entryJson(record, withValues)).join(",")}]`,
    prefixes: page.prefixes.length === 0 ? undefined : JSON.stringify(page.prefixes),
    cursor: JSON.stringify(cursor),
  });
}

function entryJson(record: ScannedRecord, withValues: boolean): string {
  const { key, type, size, version, modified, expires } = describe(record);
  return jsonObject({
    key: JSON.stringify(key),
    type: JSON.stringify(type),
    size: String(size),
    version: JSON.stringify(version),
    modified: JSON.stringify(modified),
    expires: JSON.stringify(expires),
    ...(withValues && jsonValueMembers(documentValue(type, record.value))),
    metadata: withValues && record.metadata !== "" ? JSON.stringify(parseMetadata(record.metadata)) : undefined,
  });
}

function listXml({ page, cursor, withValues }: KeyList): string {
  const prefixes = page.prefixes.map((prefix) => xmlText("prefix", prefix)).join("");
  return xmlDocument(
    xmlElement(
      "list",
      xmlElement("keys", page.records.map((record) => entryXml(record, withValues)).join("")) +
        (prefixes === "" ? "" : xmlElement("prefixes", prefixes)) +
        xmlText("cursor", cursor),
    ),
  );
}

function entryXml(record: ScannedRecord, withValues: boolean): string {
  const { key, type, size, version, modified, expires } = describe(record);
  return xmlElement(
    "record",
    xmlText("key", key) +
      xmlText("type", type) +
      xmlText("size", String(size)) +
      xmlText("version", version) +
      xmlText("modified", modified) +
      xmlText("expires", expires) +
      (withValues ? xmlValue(documentValue(type, record.value)) : "") +
      (withValues && record.metadata !== "" ? xmlMetadata(parseMetadata(record.metadata)) : ""),
  );
}

function listText({ page }: KeyList): string {
  const keys = page.records.map((record) => record.key);
  return [...keys, ...page.prefixes].map((text) => `${onOneLine(text)}\n`).join("");
}

function describe(record: ScannedRecord) {
  return {
    key: record.key,
    type: record.type,
    size: record.size,
    version: formatVersion(record.version),
    modified: isoTime(versionTime(record.version)),
    expires: record.expires === 0 ? undefined : isoTime(record.expires),
  };
}
