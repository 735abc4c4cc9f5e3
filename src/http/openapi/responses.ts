import { type ErrorCode, errorCodes } from "../../errors.ts";
import { type Content, type Header, type Reference, type Response, reference } from "./types.ts";

const text = { type: "string" };

export const headers = {
  ETag: { description: 'A strong tag of the representation: `"V"` raw, `"V.json"` and so on.', schema: text },
  "Kvasir-Version": { description: "The version of the record.", schema: text },
  "Last-Modified": { description: "When the version was made.", schema: text },
  Vary: { description: "`Accept`.", schema: text },
  "Cache-Control": { description: "`no-cache`.", schema: text },
  "Kvasir-Expires": { description: "When the record expires, if it does.", schema: text },
  "X-TTL": { description: "Whole seconds until the record expires, if it does.", schema: { type: "integer" } },
  "Kvasir-Meta-NAME": { description: "Metadata of the record. NAME is any name.", schema: text },
  "Kvasir-Clock": { description: "To send back with the next request.", schema: text },
  "Kvasir-Replicas": { description: "Replicas that confirmed the write, and how many there are: `1/3`.", schema: text },
  "Kvasir-Existed": {
    description: "Whether a value was there before; absent when a stand-in took the write and cannot know.",
    schema: { enum: ["true", "false"] },
  },
  "Kvasir-Encoding": { description: "`base64` on a text that stands for bytes.", schema: { const: "base64" } },
  "Content-Range": { description: "Which bytes of how many.", schema: text },
  "Accept-Ranges": { description: "`bytes`.", schema: text },
  Location: { description: "Where the new record is.", schema: text },
  Link: { description: 'The next page, with `rel="next"`.', schema: text },
  Allow: { description: "The methods that are allowed here.", schema: text },
  "Accept-Patch": { description: "The media types that PATCH takes.", schema: text },
  "Preference-Applied": { description: "`wait=N`, when a `Prefer` with it was gone by.", schema: text },
  "X-Content-Type-Options": { description: "`nosniff`.", schema: text },
  "Content-Security-Policy": {
    description: "`sandbox` on stored values, which can do nothing on this origin; on pages what they may load.",
    schema: text,
  },
  "WWW-Authenticate": { description: "The ways to give a token.", schema: text },
  "Retry-After": { description: "Seconds after which to try again.", schema: { type: "integer" } },
} satisfies { readonly [name: string]: Header };

export type HeaderName = keyof typeof headers;

export function headerList(...names: HeaderName[]): { [name: string]: Reference } {
  return Object.fromEntries(names.map((name) => [name, reference("headers", name)]));
}

/** What every document comes with, in whichever format. */
export const documentHeaders = ["Vary", "Cache-Control", "X-Content-Type-Options", "Content-Security-Policy"] as const;

/** A document in all four formats; the schema is that of its JSON. */
export function documentContent(schema: string): Content {
  return {
    "application/json": { schema: reference("schemas", schema) },
    "text/html": { schema: text },
    "application/xml": { schema: text },
    "text/plain": { schema: text },
  };
}

const statuses = [...new Set(Object.values(errorCodes).map((error) => error.status as number))].sort();

const problemHeaders: { readonly [status: number]: readonly HeaderName[] } = {
  401: ["WWW-Authenticate"],
  405: ["Allow"],
  415: ["Accept-Patch"],
  416: ["Content-Range"],
  429: ["Retry-After"],
  503: ["Retry-After", "Preference-Applied"],
};

/** One response for each status that an error can have, naming its codes. */
export const responses: { readonly [name: string]: Response } = Object.fromEntries(
  statuses.map((status) => [`Problem${status}`, problemResponse(status)]),
);

/** What any request may meet before it is looked at, and what these may. */
export function refusals(...specific: number[]): { [status: string]: Reference } {
  return openRefusals(401, 429, 503, ...specific);
}

/** The same where no token is needed. */
export function openRefusals(...specific: number[]): { [status: string]: Reference } {
  const statuses = [400, 408, 421, 431, ...specific].sort();
  return Object.fromEntries(statuses.map((status) => [status, reference("responses", `Problem${status}`)]));
}

/** What any request that needs the partitions may meet, and what these may. */
export function problems(...specific: number[]): { [status: string]: Reference } {
  return refusals(500, ...specific);
}

/** The same responses for HEAD: with the headers of a problem, and without its document. */
export function withoutDocuments(references: { readonly [status: string]: unknown }): { [status: string]: Response } {
  return Object.fromEntries(
    Object.keys(references).map((status) => {
      const { description, headers = {} } = problemResponse(Number(status));
      return [status, { description, headers }];
    }),
  );
}

function problemResponse(status: number): Response {
  const codes = (Object.keys(errorCodes) as ErrorCode[]).filter((code) => errorCodes[code].status === status);
  return {
    description: codes.map((code) => `\`${code}\`: ${errorCodes[code].title}.`).join(" "),
    headers: headerList(...documentHeaders, ...(problemHeaders[status] ?? [])),
    content: {
      "application/problem+json": { schema: reference("schemas", "Problem") },
      "text/html": { schema: text },
      "application/problem+xml": { schema: text },
      "text/plain": { schema: text },
    },
  };
}
