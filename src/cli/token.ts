import { stringify } from "smol-toml";
import { readTokens } from "../config/tokens.ts";
import { type ConfigSources, loadConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { createLogger } from "../log.ts";
import { openStore } from "../open-store.ts";
import { isTokenRate, newTokenText, type Scope, scopes, type Token, tokenDigest } from "../token.ts";
import { checkTokenName, type MissedPartition, type NewToken, type Tokens } from "../tokens.ts";
import { exitCodes } from "./failure.ts";

interface CreateOptions {
  readonly name: string;
  readonly allow: string;
  readonly prefix?: readonly string[];
  readonly rate?: string;
  /** Only shows it, and what to write into the configuration file. */
  readonly print?: boolean;
  readonly json?: boolean;
}

/** Prints a new token alone on its line, so that it can be assigned to a variable. */
export async function createToken(sources: ConfigSources, options: CreateOptions): Promise<number> {
  const { name, prefix: prefixes = [], rate } = options;
  if (rate !== undefined) checkRate(rate);
  const created = { name, scopes: readScopes(options.allow), prefixes, rate };
  if (options.print) return printToken(created, options.json === true);
  const { text, missed } = await withTokens(sources, (tokens) => tokens.create(created));
  if (options.json)
    print({ token: text, name, allow: created.scopes, prefixes, rate, away: missed.map((each) => each.name) });
  else process.stdout.write(`${text}\n`);
  if (!options.json) process.stderr.write("kvasir: keep it safe: it cannot be shown again\n");
  reportMissed(missed);
  return exitCodes.done;
}

/** The token on stdout as ever, and beside it the section of the configuration file, which has no secret. */
function printToken({ name, scopes: allow, prefixes, rate }: NewToken, json: boolean): number {
  checkTokenName(name);
  const text = newTokenText();
  const digest = tokenDigest(text).toString("hex");
  const values = { [`token-${name}`]: { digest, allow, prefixes, ...(rate !== undefined && { rate }) } };
  readTokens({ path: "", folder: "", shown: "--print", values });
  if (json) print({ token: text, name, allow, prefixes, rate, digest });
  else {
    process.stdout.write(`${text}\n`);
    process.stderr.write("kvasir: keep it safe: it cannot be shown again; the configuration file gets\n\n");
    process.stderr.write(`${stringify(values).trim()}\n`);
  }
  return exitCodes.done;
}

/** Prints what is stored of all tokens. */
export async function listTokens(sources: ConfigSources, { json }: { json?: boolean }): Promise<number> {
  const { all, missed } = await withTokens(sources, async (tokens) => {
    const missed = await tokens.refresh();
    return { all: [...tokens.configured, ...tokens.all], missed };
  });
  if (json) print({ tokens: all.map(describe), away: missed.map(({ name }) => name) });
  else for (const token of all) process.stdout.write(`${line(token)}\n`);
  reportMissed(missed);
  return missed.length === 0 ? exitCodes.done : exitCodes.notAllDone;
}

/** Makes a token invalid on every partition that can be reached. Those that were missed are told by the front ends. */
export async function revokeToken(sources: ConfigSources, name: string, { json }: { json?: boolean }): Promise<number> {
  const missed = await withTokens(sources, (tokens) => tokens.revoke(name));
  if (json) print({ revoked: name, away: missed.map((each) => each.name) });
  else process.stdout.write(`revoked ${name}\n`);
  reportMissed(missed);
  return missed.length === 0 ? exitCodes.done : exitCodes.notAllDone;
}

async function withTokens<T>(sources: ConfigSources, work: (tokens: Tokens) => Promise<T>): Promise<T> {
  const config = loadConfig(sources);
  for (const warning of config.warnings) process.stderr.write(`kvasir: ${warning}\n`);
  const store = await openStore(config, createLogger("warn"), { isSyncing: false });
  try {
    return await work(store.tokens);
  } finally {
    await store.close();
  }
}

function readScopes(text: string): Scope[] {
  const given = text.split(",").map((item) => item.trim());
  const wrong = given.find((item) => !scopes.includes(item as Scope));
  if (wrong === undefined) return scopes.filter((scope) => given.includes(scope));
  throw new ConfigError(`--allow: expected ${scopes.join(", ")} or several with commas, got ${JSON.stringify(wrong)}`);
}

function checkRate(text: string): void {
  if (isTokenRate(text)) return;
  throw new ConfigError(`--rate: expected such as "100/s", "600/m", "5000/h" or "none", got ${JSON.stringify(text)}`);
}

function describe({ name, scopes: allow, prefixes, rate, created, revoked }: Token) {
  const time = (at: number) => new Date(at).toISOString();
  // The configuration file does not say when.
  const isConfigured = created === 0;
  return {
    name,
    allow,
    prefixes,
    rate,
    from: isConfigured ? "configuration" : "partitions",
    created: isConfigured ? undefined : time(created),
    revoked: revoked === 0 ? undefined : time(revoked),
  };
}

function line(token: Token): string {
  const { name, allow, prefixes, rate, created, revoked } = describe(token);
  const keys = prefixes.length === 0 ? "all keys" : prefixes.map((prefix) => JSON.stringify(prefix)).join(" ");
  const state = revoked === undefined ? "valid" : `revoked ${revoked}`;
  return [name, allow.join(","), keys, created ?? "configured", state, ...(rate === undefined ? [] : [rate])].join(
    "\t",
  );
}

function reportMissed(missed: readonly MissedPartition[]): void {
  for (const { name, problem } of missed) {
    process.stderr.write(`kvasir: ${name} is away and will be told later by a front end: ${problem}\n`);
  }
}

function print(document: object): void {
  process.stdout.write(`${JSON.stringify(document)}\n`);
}
