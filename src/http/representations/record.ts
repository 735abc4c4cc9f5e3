import { isUtf8 } from "node:buffer";
import type { Metadata, Record } from "../../record.ts";
import type { DocumentFormat } from "../negotiation.ts";
import { valuePage } from "../pages/value-page.ts";
import { jsonObject } from "./json.ts";
import { type RecordDocument, recordDocument } from "./record-document.ts";
import { documentHeaders, type Rendering } from "./rendering.ts";
import { base64, jsonValueMembers, type ValueDocument } from "./value-document.ts";
import { xmlDocument, xmlElement, xmlText } from "./xml.ts";

/** A record as a document; as text its value, in base64 where that is not UTF-8 (`Kvasir-Encoding` says so). */
export function renderRecord(format: DocumentFormat, record: Record): Rendering {
  if (format === "txt") return recordText(record);
  if (format === "html") return { body: valuePage(record), headers: documentHeaders.html };
  const document = recordDocument(record);
  return { body: writers[format](document), headers: documentHeaders[format] };
}

const writers = { json: recordJson, xml: recordXml };

function recordText({ value }: Record): Rendering {
  if (isUtf8(value)) return { body: value, headers: documentHeaders.txt };
  return { body: base64(value), headers: { ...documentHeaders.txt, "Kvasir-Encoding": "base64" } };
}

function recordJson({ key, value, type, version, modified, expires, metadata }: RecordDocument): string {
  return jsonObject({
    key: JSON.stringify(key),
    ...jsonValueMembers(value),
    type: JSON.stringify(type),
    version: JSON.stringify(version),
    modified: JSON.stringify(modified),
    expires: JSON.stringify(expires),
    metadata: JSON.stringify(metadata),
  });
}

function recordXml({ key, value, type, version, modified, expires, metadata }: RecordDocument): string {
  return xmlDocument(
    xmlElement(
      "record",
      xmlText("key", key) +
        xmlValue(value) +
        xmlText("type", type) +
        xmlText("version", version) +
        xmlText("modified", modified) +
        xmlText("expires", expires) +
        xmlMetadata(metadata),
    ),
  );
}

/** The `value` element; a JSON value is the text of its JSON. */
export function xmlValue(value: ValueDocument): string {
  return value.kind === "base64"
    ? xmlElement("value", value.text, { encoding: "base64" })
    : xmlText("value", value.text);
}

export function xmlMetadata(metadata: Metadata): string {
  const entries = Object.entries(metadata).map(([name, text]) =>
    xmlElement("entry", xmlText("name", name) + xmlText("value", text)),
  );
  return xmlElement("metadata", entries.join(""));
}
