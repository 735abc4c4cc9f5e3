import { ConfigError } from "../errors.ts";
import { checkKey } from "../key.ts";
import { isTokenRate, isTokenText, type Scope, scopes, type Token } from "../token.ts";
import type { ConfigFile } from "./file.ts";

const members = ["digest", "allow", "prefixes", "rate"];

/** The name of a token in the name of its section, `undefined` for other sections. */
export function sectionToken(section: string): string | undefined {
  return /^token-([A-Za-z0-9._-]{1,64})$/.exec(section)?.[1];
}

/**
 * The tokens of the sections `[token-NAME]`, which have digests and never the tokens themselves.
 *
 * @throws ConfigError that names the section, the member and what is expected.
 */
export function readTokens(file: ConfigFile | undefined): readonly Token[] {
  if (file === undefined) return [];
  const found = new Map<string, Token>();
  for (const [section, value] of Object.entries(file.values)) {
    const name = sectionToken(section);
    if (name === undefined) continue;
    const token = readToken(name, value, `${file.shown}: ${section}`);
    const other = found.get(token.digest);
    if (other !== undefined) throw new ConfigError(`${file.shown}: ${section} has the digest of token-${other.name}`);
    found.set(token.digest, token);
  }
  return [...found.values()];
}

function readToken(name: string, section: unknown, label: string): Token {
  if (typeof section !== "object" || section === null || Array.isArray(section)) {
    throw new ConfigError(`${label}: expected a section, [token-${name}]`);
  }
  const wrong = Object.keys(section).find((member) => !members.includes(member));
  if (wrong !== undefined) throw new ConfigError(`${label}.${wrong} is no setting; known are ${members.join(", ")}`);
  const { digest, allow, prefixes = [], rate } = section as { readonly [member: string]: unknown };
  if (typeof digest !== "string" || !/^[0-9a-f]{64}$/.test(digest)) {
    const isToken = typeof digest === "string" && isTokenText(digest);
    const got = isToken ? "the token itself, which has to be kept elsewhere; revoke it" : "something else";
    throw new ConfigError(`${label}.digest: expected what kvasir token create --print shows, got ${got}`);
  }
  if (!isListOf(allow, isScope) || allow.length === 0) {
    throw new ConfigError(`${label}.allow: expected a list of ${scopes.join(", ")}`);
  }
  if (!isListOf(prefixes, isPrefix)) {
    throw new ConfigError(`${label}.prefixes: expected a list of texts with which keys can begin`);
  }
  if (rate !== undefined && !isTokenRate(rate)) {
    throw new ConfigError(`${label}.rate: expected such as "100/s", "600/m", "5000/h" or "none"`);
  }
  return { digest, name, scopes: allow, prefixes, ...(rate !== undefined && { rate: String(rate) }), ...unrevoked };
}

const unrevoked = { created: 0, revoked: 0 };

function isListOf<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(isItem);
}

function isScope(item: unknown): item is Scope {
  return scopes.includes(item as Scope);
}

function isPrefix(item: unknown): item is string {
  if (typeof item !== "string") return false;
  try {
    checkKey(item);
    return true;
  } catch {
    return false;
  }
}
