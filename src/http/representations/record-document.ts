import { type Metadata, parseMetadata, type Record } from "../../record.ts";
import { formatVersion, versionTime } from "../../version.ts";
import { isoTime } from "./time.ts";
import { documentValue, type ValueDocument } from "./value-document.ts";

/** What the documents of all formats say of a record. */
export interface RecordDocument {
  readonly key: string;
  readonly value: ValueDocument;
  readonly type: string;
  readonly version: string;
  /** ISO 8601, as `expires`. */
  readonly modified: string;
  readonly expires: string | undefined;
  readonly metadata: Metadata;
}

export function recordDocument(record: Record): RecordDocument {
  return {
    key: record.key,
    value: documentValue(record.type, record.value),
    type: record.type,
    version: formatVersion(record.version),
    modified: isoTime(versionTime(record.version)),
    expires: record.expires === 0 ? undefined : isoTime(record.expires),
    metadata: parseMetadata(record.metadata),
  };
}
