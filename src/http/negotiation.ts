import { StoreError } from "../errors.ts";
import { parseAccept, qualityOf } from "./accept.ts";

/** `raw` is the stored bytes; the others are documents that Kvasir writes. */
export type Format = "raw" | "json" | "xml" | "html" | "txt";
export type DocumentFormat = Exclude<Format, "raw">;

export interface Offer<F extends Format = Format> {
  readonly format: F;
  readonly mediaType: string;
}

const documentOffers: readonly Offer<DocumentFormat>[] = [
  { format: "json", mediaType: "application/json" },
  { format: "html", mediaType: "text/html" },
  { format: "xml", mediaType: "application/xml" },
  { format: "xml", mediaType: "text/xml" },
  { format: "txt", mediaType: "text/plain" },
];

const problemOffers: readonly Offer<DocumentFormat>[] = [
  ...documentOffers,
  { format: "json", mediaType: "application/problem+json" },
  { format: "xml", mediaType: "application/problem+xml" },
];

/**
 * The format of a stored value of the media type `type`: its bytes unless the client asks for something else.
 *
 * @throws StoreError `invalid_query`, `invalid_header` or `not_acceptable`.
 */
export function negotiateValue(accept: string | undefined, formatParameter: string | undefined, type: string): Format {
  // Nearly every GET ends here.
  if (formatParameter === undefined && (acceptsAnything(accept) || accept === type)) return "raw";
  return negotiate<Format>(accept, formatParameter, [{ format: "raw", mediaType: type }, ...documentOffers]).format;
}

/**
 * The format of a list or of the status; JSON unless the client asks for something else.
 *
 * @throws StoreError `invalid_query`, `invalid_header` or `not_acceptable`.
 */
export function negotiateDocument(accept: string | undefined, formatParameter: string | undefined): DocumentFormat {
  return negotiate(accept, formatParameter, documentOffers).format;
}

/** The format of an error. Never throws: where nothing is acceptable an error is JSON. */
export function negotiateProblem(accept: string | undefined, formatParameter: string | undefined): DocumentFormat {
  try {
    return negotiate(accept, isDocumentFormat(formatParameter) ? formatParameter : undefined, problemOffers).format;
  } catch {
    return "json";
  }
}

/**
 * The offer that the client likes best, the first one where it has no preference. `?format=` wins over `Accept`.
 *
 * @throws StoreError `invalid_query` for an unknown format name, `invalid_header` for an `Accept` of which nothing
 *   can be read, `not_acceptable` with the media types on offer in `details.available`.
 */
export function negotiate<F extends Format>(
  accept: string | undefined,
  formatParameter: string | undefined,
  offers: readonly Offer<F>[],
): Offer<F> {
  if (formatParameter !== undefined) return offerNamed(formatParameter, offers);
  if (accept === undefined || acceptsAnything(accept)) return offers[0]!;
  const { ranges, hasUnreadable } = parseAccept(accept);
  if (ranges.length === 0) {
    if (!hasUnreadable) return offers[0]!;
    throw new StoreError("invalid_header", "Accept names no media type; write it like `application/json, */*;q=0.1`");
  }
  let best: Offer<F> | undefined;
  let bestQuality = 0;
  for (const offer of offers) {
    const quality = qualityOf(offer.mediaType, ranges);
    if (quality <= bestQuality) continue;
    best = offer;
    bestQuality = quality;
  }
  if (best === undefined) throw notAcceptable("Accept admits none of the formats that this can be given in", offers);
  return best;
}

function acceptsAnything(accept: string | undefined): boolean {
  return accept === undefined || accept === "*/*" || accept === "";
}

function offerNamed<F extends Format>(name: string, offers: readonly Offer<F>[]): Offer<F> {
  if (name !== "raw" && !isDocumentFormat(name)) {
    throw new StoreError("invalid_query", "format is not one of json, xml, html, txt, raw");
  }
  const offer = offers.find((candidate) => candidate.format === name);
  if (offer === undefined) throw notAcceptable(`format=${name} is not available here`, offers);
  return offer;
}

function isDocumentFormat(name: string | undefined): name is DocumentFormat {
  return name === "json" || name === "xml" || name === "html" || name === "txt";
}

function notAcceptable(problem: string, offers: readonly Offer[]): StoreError {
  const available = [...new Set(offers.map((offer) => offer.mediaType))];
  return new StoreError("not_acceptable", `${problem}; available: ${available.join(", ")}`, { details: { available } });
}
