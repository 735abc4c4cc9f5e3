import type { DocumentFormat } from "../negotiation.ts";

/** A document in the format asked for, with the headers that describe it. */
export interface Rendering {
  readonly body: string | Uint8Array;
  readonly headers: { readonly [name: string]: string };
}

const noSniff = { "X-Content-Type-Options": "nosniff" };

/** Only what this origin serves as files; nothing that stands in a page itself is a script or a style. */
export const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
  "base-uri 'none'; frame-ancestors 'none'";

/** What every document of the format is sent with. */
export const documentHeaders: { readonly [F in DocumentFormat]: Rendering["headers"] } = {
  json: { "Content-Type": "application/json", ...noSniff },
  xml: { "Content-Type": "application/xml; charset=utf-8", ...noSniff },
  html: { "Content-Type": "text/html; charset=utf-8", ...noSniff, "Content-Security-Policy": pagePolicy },
  txt: { "Content-Type": "text/plain; charset=utf-8", ...noSniff },
};
