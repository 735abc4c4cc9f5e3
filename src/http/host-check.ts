import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { StoreError } from "../errors.ts";
import type { Cors } from "./cors.ts";
import { soleHeader } from "./sole-header.ts";

/**
 * Answers only for names that cannot belong to somebody else: loopback names, IP addresses and `hosts`. A page that
 * lets its own name point to this machine (DNS rebinding) is refused, and so are writes that a browser makes for
 * the page of another site.
 */
export class HostCheck {
  readonly #hosts: ReadonlySet<string>;
  readonly #cors: Cors | undefined;
  /** Clients repeat themselves. */
  #lastAccepted = "";
  /** The same of names that are only answered because a token is asked for. */
  #lastWellFormed = "";

  /** `cors` tells whose pages may write all the same. */
  constructor(hosts: readonly string[], cors?: Cors) {
    this.#cors = cors;
    this.#hosts = new Set(hosts.map((host) => host.toLowerCase()));
  }

  /**
   * `authority` is the host of an absolute-form target, which counts instead of the header. Where tokens are asked for
   * (not `isOpen`) any name will do: a browser sends them to the name that they were given for, and no other.
   *
   * @throws StoreError `misdirected`; `invalid_header` for a `Host` that is missing, given twice or malformed;
   *   `cross_site` for a write from another site.
   */
  check(raw: IncomingMessage, authority: string | undefined, isOpen: boolean): void {
    const host = soleHeader(raw, "host", "Host");
    if (host === undefined && raw.httpVersion === "1.1") {
      throw new StoreError("invalid_header", "the header Host is missing");
    }
    const effective = authority ?? host;
    if (effective !== undefined && effective !== (isOpen ? this.#lastAccepted : this.#lastWellFormed)) {
      this.#checkName(effective, isOpen);
      if (isOpen) this.#lastAccepted = effective;
      else this.#lastWellFormed = effective;
    }
    if (!isSafe(raw.method)) checkSite(raw, effective, this.#cors);
  }

  #checkName(host: string, isOpen: boolean): void {
    const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._~-]+))(?::[0-9]*)?$/i.exec(host);
    if (match === null)
      throw new StoreError("invalid_header", "Host is not a name or an address, with or without port");
    const [, address = "", name = address] = match;
    const plain = name.toLowerCase();
    if (isIP(plain) !== 0 || plain === "localhost" || plain.endsWith(".localhost") || this.#hosts.has(plain)) return;
    if (!isOpen) return;
    throw new StoreError("misdirected", `this server does not answer for ${plain}; add it to server.hosts`);
  }
}

/** Whether a request with the method changes nothing. */
export function isSafe(method: string | undefined): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

/** Browsers say with every write which page it is for, and a page cannot change that. */
function checkSite({ headers }: IncomingMessage, host: string | undefined, cors: Cors | undefined): void {
  const { origin, "sec-fetch-site": site } = headers;
  if (origin !== undefined && cors?.allows(origin)) return;
  const isOwn =
    site === undefined
      ? origin === undefined || origin.replace(/^https?:\/\//, "") === host
      : site === "same-origin" || site === "none";
  if (!isOwn)
    throw new StoreError("cross_site", "a page of another site may not write here; server.cors_origins would allow it");
}
