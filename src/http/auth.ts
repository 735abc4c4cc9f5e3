import type { IncomingMessage } from "node:http";
import { StoreError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { parseRate, type Rate } from "../rate.ts";
import { isTokenText, type Token, tokenDigest } from "../token.ts";
import type { Tokens } from "../tokens.ts";
import { Allowance } from "./allowance.ts";
import { Attempts } from "./auth-attempts.ts";
import { Grant } from "./auth-grant.ts";
import { soleHeader } from "./sole-header.ts";

interface AuthOptions {
  readonly requireTokens: boolean;
  readonly authFailuresMax: number;
  readonly rateLimit: Rate | "none";
}

/** Header fields that were found right are remembered, up to so many. */
const rememberedMax = 10_000;

/** Tells what a request may do: everything while the store has no tokens, then what its token allows. */
export class Auth {
  readonly #tokens: Tokens;
  readonly #isRequired: boolean;
  readonly #attempts: Attempts;
  readonly #logger: Pick<Logger, "warn">;
  /**
   * By the field as it came. A lookup compares the texts only when their hashes are equal, and the hash has a random
   * seed, so that its time tells nothing about a token.
   */
  readonly #remembered = new Map<string, Grant>();
  /** By digest and rate: a token is one, however its field is spelled, and when others come and go. No more than there are tokens. */
  readonly #allowances = new Map<string, Allowance>();
  readonly #rateLimit: Rate | "none";
  #generation = 0;

  constructor(
    tokens: Tokens,
    { requireTokens, authFailuresMax, rateLimit }: AuthOptions,
    logger: Pick<Logger, "warn">,
  ) {
    this.#tokens = tokens;
    this.#isRequired = requireTokens;
    this.#rateLimit = rateLimit;
    this.#attempts = new Attempts(authFailuresMax, () => performance.now());
    this.#logger = logger;
  }

  /** Whether everybody may do everything. Once there was a token this is never so again. */
  get isOpen(): boolean {
    return !this.#isRequired && this.#tokens.state === "none";
  }

  /**
   * What the token of `Authorization` allows, whose rate this request counts for.
   *
   * @throws StoreError `unauthorized`, `too_many_attempts`, `rate_limited`; `invalid_header` when the field is given twice;
   *   `no_replica` while no partition could be asked.
   */
  grantOf(raw: IncomingMessage): Grant {
    const { generation } = this.#tokens;
    if (generation !== this.#generation) this.#remembered.clear();
    this.#generation = generation;
    const field = soleHeader(raw, "authorization", "Authorization");
    if (field === undefined) throw this.#missing();
    const grant = this.#remembered.get(field) ?? this.#examine(field, raw.socket.remoteAddress ?? "");
    grant.allowance?.take();
    return grant;
  }

  #missing(): StoreError {
    const { state } = this.#tokens;
    if (state === "unknown") return this.#notAsked();
    const hint = state === "none" ? "there is none yet: run kvasir token create" : "give it as Authorization: Bearer";
    return new StoreError("unauthorized", `this needs a token; ${hint}`);
  }

  #notAsked(): StoreError {
    return new StoreError("no_replica", "no partition could be asked yet who may do this; try again");
  }

  #examine(field: string, address: string): Grant {
    if (this.#tokens.state !== "some") throw this.#missing();
    // Whoever shares the address and is known already goes on: behind a proxy that is everybody.
    const seconds = this.#attempts.blockedFor(address);
    if (seconds > 0) {
      throw new StoreError("too_many_attempts", `too many wrong tokens came from here; wait ${seconds} s`, {
        details: { retry_after: seconds },
      });
    }
    const text = tokenIn(field);
    const token = text === undefined ? undefined : this.#tokens.find(tokenDigest(text));
    // One that no partition was asked about may well be valid.
    if (token === undefined && !this.#tokens.isKnown) throw this.#notAsked();
    if (token === undefined) {
      if (this.#attempts.fail(address)) this.#logger.warn({ address }, "too many wrong tokens");
      throw new StoreError("unauthorized", "the token is not valid, or was revoked");
    }
    const grant = new Grant(token, this.#allowanceOf(token));
    if (this.#remembered.size >= rememberedMax) this.#remembered.clear();
    this.#remembered.set(field, grant);
    return grant;
  }

  #allowanceOf({ digest, rate: ownRate }: Token): Allowance | undefined {
    const rate = ownRate === undefined ? this.#rateLimit : (parseRate(ownRate) ?? "none");
    if (rate === "none") return undefined;
    const known = this.#allowances.get(`${digest} ${ownRate}`);
    if (known !== undefined) return known;
    const allowance = new Allowance(rate, () => performance.now());
    this.#allowances.set(`${digest} ${ownRate}`, allowance);
    return allowance;
  }
}

/** From `Bearer TOKEN`, or `Basic` with the token as the password of any user. */
function tokenIn(field: string): string | undefined {
  const [, scheme = "", credentials = ""] = /^(bearer|basic) +([^ ]+) *$/i.exec(field) ?? [];
  const text =
    scheme.toLowerCase() === "basic"
      ? Buffer.from(credentials, "base64")
          .toString()
          .replace(/^[^:]*:/, "")
      : credentials;
  return isTokenText(text) ? text : undefined;
}
