import { createHash, randomBytes } from "node:crypto";
import { parseRate } from "./rate.ts";

/** What a token allows: reading values, changing them, seeing the state of the front end. None includes another. */
export const scopes = ["read", "write", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** What the store keeps of an access token, which is never the token itself. */
export interface Token {
  /** SHA-256 of the token, in hex. */
  readonly digest: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** The keys that it is for begin with one of these; empty for all keys. */
  readonly prefixes: readonly string[];
  /** How many requests it may send to a process, as `parseRate` takes it, or `none`; without it the configured rate. */
  readonly rate?: string;
  /** In ms since 1970. */
  readonly created: number;
  /** In ms since 1970; 0 while it is valid. A revoked token is kept, so that no other partition brings it back. */
  readonly revoked: number;
}

/** The most bytes that {@link encodeToken} may give: the length of the column that they are stored in. */
export const tokenBytesMax = 1024;

/** A token that nobody can guess. The beginning lets people and scanners of secrets recognise it. */
export function newTokenText(): string {
  return `kvs_${randomBytes(32).toString("base64url")}`;
}

const tokenPattern = "kvs_[A-Za-z0-9_-]{43}";
const wholeToken = new RegExp(`^${tokenPattern}$`);
const anyToken = new RegExp(tokenPattern, "g");

export function isTokenText(text: string): boolean {
  return wholeToken.test(text);
}

/** `text` for a log: what looks like a token is shortened to its beginning. */
export function withoutTokens(text: string): string {
  return text.replaceAll(anyToken, "kvs_…");
}

/** A fast digest does: what has 256 random bits is not found by trying. */
export function tokenDigest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Of two states of one token the later one: being revoked is never undone. */
export function laterToken(present: Token | undefined, given: Token): Token {
  return present === undefined || (present.revoked === 0 && given.revoked !== 0) ? given : present;
}

/** Everything but the digest, which is the key that it is stored under. */
export function encodeToken({ digest: _, ...rest }: Token): string {
  return JSON.stringify(rest);
}

/** What cannot be read counts as a revoked token: it lets nobody in, and does not open the store either. */
export function decodeToken(digest: string, text: string): Token {
  try {
    const { name, scopes, prefixes, rate, created, revoked } = JSON.parse(text) as Token;
    const isWell = [scopes, prefixes].every(isTextList) && typeof name === "string" && Number.isSafeInteger(revoked);
    if (isWell && (rate === undefined || isTokenRate(rate))) {
      return { digest, name, scopes, prefixes, ...(rate && { rate }), created: Number(created), revoked };
    }
  } catch {
    // Somebody else wrote it.
  }
  return { digest, name: "unreadable", scopes: [], prefixes: [], created: 0, revoked: 1 };
}

/** Whether a token may have it as its `rate`. */
export function isTokenRate(text: unknown): boolean {
  return text === "none" || (typeof text === "string" && parseRate(text) !== undefined);
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
