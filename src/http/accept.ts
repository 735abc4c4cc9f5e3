/** One member of an `Accept` field, in lower case: `text/html;level=1;q=0.5`. */
interface AcceptedRange {
  readonly type: string;
  readonly subtype: string;
  /** Such as `level=1`, without quotes and without `q`. */
  readonly parameters: readonly string[];
  readonly quality: number;
}

/** A media type as the ranges of `Accept` see it. */
interface ParsedType {
  readonly type: string;
  readonly subtype: string;
  readonly parameters: readonly string[];
}

/**
 * The ranges of an `Accept` field. Those that cannot be read are left out, and `hasUnreadable` tells.
 *
 * This is ours because the `negotiator` package reads an empty field as "nothing is acceptable" and lets a
 * `charset` or `level` that a range carries rule out an offer that does not spell it.
 */
export function parseAccept(text: string): { ranges: readonly AcceptedRange[]; hasUnreadable: boolean } {
  const members = splitUnquoted(text, ",").filter((member) => member !== "");
  const ranges = members.map(parseRange).filter((range) => range !== undefined);
  return { ranges, hasUnreadable: ranges.length < members.length };
}

/** The q-value that the most specific range gives to the media type: 0 when it is not acceptable. */
export function qualityOf(mediaType: string, ranges: readonly AcceptedRange[]): number {
  const offered = parseType(mediaType);
  let quality = 0;
  let specificity = -1;
  for (const range of ranges) {
    const fit = fitOf(range, offered);
    if (fit < specificity || fit < 0) continue;
    quality = fit > specificity ? range.quality : Math.max(quality, range.quality);
    specificity = fit;
  }
  return quality;
}

/** How closely the range names the type; -1 for not at all. */
function fitOf(range: AcceptedRange, offered: ParsedType): number {
  if (range.type === "*") return 0;
  if (range.type !== offered.type) return -1;
  if (range.subtype === "*") return 1;
  if (range.subtype !== offered.subtype) return -1;
  if (range.parameters.length === 0) return 3;
  // Parameters that the offer does not have never disqualify, they only yield to a plainer range.
  return range.parameters.every((parameter) => offered.parameters.includes(parameter)) ? 4 : 2;
}

function parseRange(text: string): AcceptedRange | undefined {
  const { type, subtype, parameters } = parseType(text);
  // Old Java clients send a lone `*` for `*/*`.
  const isAnything = type === "*" && (subtype === "*" || subtype === "");
  if (!isAnything && !(isToken(type) && type !== "*" && isToken(subtype))) return undefined;
  const weights = parameters.filter((parameter) => parameter.startsWith("q="));
  const weight = weights[0]?.slice(2) ?? "1";
  if (!/^(0(\.[0-9]*)?|1(\.0*)?|\.[0-9]+)$/.test(weight)) return undefined;
  return {
    type,
    subtype,
    parameters: parameters.filter((parameter) => !parameter.startsWith("q=")),
    quality: Number(weight),
  };
}

/** Never fails: a stored media type may be any text. */
function parseType(text: string): ParsedType {
  const [essence = "", ...parameters] = splitUnquoted(text.toLowerCase(), ";");
  const slash = essence.indexOf("/");
  return {
    type: slash < 0 ? essence : essence.slice(0, slash),
    subtype: slash < 0 ? "" : essence.slice(slash + 1),
    parameters: parameters.filter((parameter) => parameter !== "").map(plainParameter),
  };
}

/** `charset = "utf-8"` and `charset=utf-8` are the same. */
function plainParameter(text: string): string {
  const equals = text.indexOf("=");
  if (equals < 0) return text;
  const value = text.slice(equals + 1).trim();
  const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
  return `${text.slice(0, equals).trim()}=${isQuoted ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value}`;
}

/** The parts between the separators that stand outside of quotes, trimmed. */
export function splitUnquoted(text: string, separator: "," | ";"): string[] {
  if (!text.includes('"')) return text.split(separator).map((part) => part.trim());
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (isQuoted && character === "\\") index++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      parts.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  return [...parts, text.slice(start).trim()];
}

function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(text);
}
