import type { IncomingHttpHeaders } from "node:http";
import { StoreError } from "../errors.ts";
import type { Condition } from "../partition.ts";
import { formatVersion, type Version, versionTime } from "../version.ts";
import { parseHttpDate } from "./http-date.ts";
import type { Format } from "./negotiation.ts";

/** The tag of one representation: `"V"` for the raw value, `"V.json"` and so on for the documents. */
export function entityTag(version: Version, format: Format): string {
  return format === "raw" ? `"${formatVersion(version)}"` : `"${formatVersion(version)}.${format}"`;
}

interface EntityTag {
  readonly isWeak: boolean;
  /** What stands between the quotes. */
  readonly text: string;
}

/**
 * The tags of an `If-Match` or `If-None-Match` field, or `"*"`.
 *
 * @throws StoreError `invalid_header` for anything that is not a list of quoted tags.
 */
export function parseEntityTags(name: "If-Match" | "If-None-Match", field: string): "*" | readonly EntityTag[] {
  if (field.trim() === "*") return "*";
  const tags: EntityTag[] = [];
  const member = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*)?(?:,|$)/y;
  while (member.lastIndex < field.length) {
    const match = member.exec(field);
    if (match === null) throw malformed(name);
    if (match[2] !== undefined) tags.push({ isWeak: match[1] !== undefined, text: match[2] });
  }
  if (tags.length === 0) throw malformed(name);
  return tags;
}

/**
 * The condition of a write; `undefined` when the request has none. A tag of any representation stands for its
 * version. An empty list is a condition too: weak tags never satisfy `If-Match`.
 *
 * @throws StoreError `invalid_header`.
 */
export function writeCondition(ifMatch: string | undefined, ifNoneMatch: string | undefined): Condition | undefined {
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: matchedVersions(parseEntityTags("If-Match", ifMatch)) }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch: namedVersions(parseEntityTags("If-None-Match", ifNoneMatch)) }),
  };
}

export type ReadHeaders = Pick<
  IncomingHttpHeaders,
  "if-match" | "if-none-match" | "if-modified-since" | "if-unmodified-since"
>;

/**
 * Whether a GET or HEAD goes on, in the order of RFC 9110, section 13.2.2. `version` is that of the record, or
 * `undefined` when there is none; `format` the representation that was negotiated.
 *
 * @throws StoreError `invalid_header` for a malformed list of tags. A malformed date counts as absent.
 */
export function readPrecondition(
  headers: ReadHeaders,
  version: Version | undefined,
  format: Format,
): "proceed" | "not_modified" | "failed" {
  const ifMatch = headers["if-match"];
  if (ifMatch !== undefined) {
    if (!matchesStrongly(parseEntityTags("If-Match", ifMatch), version, format)) return "failed";
  } else if (isModifiedSince(headers["if-unmodified-since"], version)) return "failed";

  const ifNoneMatch = headers["if-none-match"];
  if (ifNoneMatch !== undefined) {
    return matchesWeakly(parseEntityTags("If-None-Match", ifNoneMatch), version, format) ? "not_modified" : "proceed";
  }
  return isModifiedSince(headers["if-modified-since"], version) === false ? "not_modified" : "proceed";
}

function matchesStrongly(tags: "*" | readonly EntityTag[], version: Version | undefined, format: Format): boolean {
  if (version === undefined) return false;
  if (tags === "*") return true;
  const current = entityTag(version, format).slice(1, -1);
  return tags.some((tag) => !tag.isWeak && tag.text === current);
}

function matchesWeakly(tags: "*" | readonly EntityTag[], version: Version | undefined, format: Format): boolean {
  if (version === undefined) return false;
  if (tags === "*") return true;
  const current = entityTag(version, format).slice(1, -1);
  return tags.some((tag) => tag.text === current);
}

/** `undefined` when it cannot be said: no date, not a date, or nothing stored. Dates have whole seconds. */
function isModifiedSince(date: string | undefined, version: Version | undefined): boolean | undefined {
  if (date === undefined || version === undefined) return undefined;
  const since = parseHttpDate(date);
  return since === undefined ? undefined : Math.floor(versionTime(version) / 1000) * 1000 > since;
}

function matchedVersions(tags: "*" | readonly EntityTag[]): "*" | string[] {
  return tags === "*" ? tags : tags.filter((tag) => !tag.isWeak).map((tag) => versionText(tag.text));
}

function namedVersions(tags: "*" | readonly EntityTag[]): "*" | string[] {
  return tags === "*" ? tags : tags.map((tag) => versionText(tag.text));
}

function versionText(tag: string): string {
  return tag.replace(/\.(?:json|xml|html|txt)$/, "");
}

function malformed(name: string): StoreError {
  return new StoreError("invalid_header", `${name} is not a list of entity tags; quote each tag, as in ${name}: "TAG"`);
}
