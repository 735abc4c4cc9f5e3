import { timingSafeEqual } from "node:crypto";
import { ConfigError, StoreError } from "./errors.ts";
import { checkKey } from "./key.ts";
import type { Partition } from "./partition.ts";
import type { Runtime } from "./runtime.ts";
import { encodeToken, laterToken, newTokenText, type Scope, type Token, tokenBytesMax, tokenDigest } from "./token.ts";

/** A partition as tokens are read from it and written to it: `Replica` is one. */
export interface TokenPartition {
  readonly name: string;
  readonly isReachable: boolean;
  /** Whether it is being filled, so that what it lacks says nothing. */
  readonly isReceiving: boolean;
  readonly problem: string;
  use<T>(work: (partition: Partition) => Promise<T>): Promise<T>;
}

interface TokensOptions {
  /** Those that the store has now. */
  readonly partitions: () => readonly TokenPartition[];
  readonly configured: readonly Token[];
  readonly runtime: Runtime;
  readonly log: { warn(facts: object, message: string): void };
}

export interface NewToken {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly prefixes: readonly string[];
  readonly rate?: string | undefined;
}

/** A partition that could not be written to. The front ends bring it up to date when it is back. */
export interface MissedPartition {
  readonly name: string;
  readonly problem: string;
}

/** How often each partition is asked: what is revoked on it is refused within five seconds. */
const refreshMs = 2000;
/** Revoked ones are kept for ever, and all are read at every refresh. */
const tokensMax = 10_000;

/**
 * The access tokens of the store, as far as its partitions tell. They are a set that only grows, on every partition:
 * a token is added, and later revoked, and neither is ever taken back. So what counts is the union of what the
 * partitions know, the order in which they are asked does not matter, and one that was away gets what it lacks from
 * whoever sees it next.
 */
export class Tokens {
  readonly #options: TokensOptions;
  /** They are never written to a partition, from where nothing that leaves the configuration would leave again. */
  #configured: readonly Token[] = [];
  #wasConfigured = false;
  readonly #known = new Map<string, Token>();
  #isKnown = false;
  #started: Promise<void> | undefined;
  #isStopped = false;
  readonly #cancelTimers = new Map<string, () => void>();
  readonly #watched = new Set<TokenPartition>();
  readonly #problems = new Map<string, string>();
  /** Grows with every change, so that whoever remembers something of them knows when to forget it. */
  generation = 0;

  constructor(options: TokensOptions) {
    this.#options = options;
    this.configure(options.configured);
  }

  /** Takes `tokens` as those of the configuration, in place of those before. */
  configure(tokens: readonly Token[]): void {
    this.#configured = tokens;
    this.#wasConfigured ||= tokens.length > 0;
    this.generation++;
  }

  get configured(): readonly Token[] {
    return this.#configured;
  }

  /**
   * `none`: no token was ever created. `unknown`: no partition could be asked yet. A store whose tokens were all
   * revoked has `some`: revoking the last one must not open it.
   */
  get state(): "none" | "some" | "unknown" {
    if (this.#known.size > 0 || this.#wasConfigured) return "some";
    return this.#isKnown ? "none" : "unknown";
  }

  /** Whether some partition has told which there are, so that one that is not found is none. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** All that the partitions know of, the oldest first. */
  get all(): readonly Token[] {
    return [...this.#known.values()].sort((a, b) => a.created - b.created);
  }

  /** The valid token with this digest. Its time does not tell how much of a digest is right. */
  find(digest: Uint8Array): Token | undefined {
    let found: Token | undefined;
    for (const token of [...this.#configured, ...this.#known.values()]) {
      if (!timingSafeEqual(Buffer.from(token.digest, "hex"), digest)) continue;
      // The same one may be configured and on the partitions; then it is revoked when they say so.
      if (token.revoked !== 0) return undefined;
      found ??= token;
    }
    return found;
  }

  /** Asks all partitions that can be reached, and then again and again. Harmless when repeated. */
  start(): Promise<void> {
    this.#started ??= this.#watchAll();
    return this.#started;
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#cancelTimers.values()) cancel();
  }

  /** Asks all partitions once, brings each up to date, and gives those that could not be. */
  async refresh(): Promise<MissedPartition[]> {
    const partitions = this.#options.partitions();
    await Promise.all(partitions.map((partition) => this.#read(partition)));
    // Only now all is known that any of them lacks.
    const written = await Promise.all(partitions.map((partition) => this.#read(partition)));
    return written.filter((missed) => missed !== undefined);
  }

  /**
   * A new token, which is stored nowhere and cannot be shown again.
   *
   * @throws ConfigError for a name that is in use, and for what does not fit.
   */
  async create({ name, scopes, prefixes, rate }: NewToken): Promise<{ text: string; missed: MissedPartition[] }> {
    await this.#mustReachOne();
    checkTokenName(name);
    if ([...this.all, ...this.#configured].some((token) => token.name === name && token.revoked === 0)) {
      throw new ConfigError(`there is a token ${name} already; revoke it, or choose another name`);
    }
    if (this.#known.size >= tokensMax) throw new ConfigError(`there are ${tokensMax} tokens, more than are allowed`);
    for (const prefix of prefixes) checkPrefix(prefix);
    const text = newTokenText();
    const created = this.#options.runtime.now();
    const digest = tokenDigest(text).toString("hex");
    const token = { digest, name, scopes, prefixes, ...(rate && { rate }), created, revoked: 0 };
    if (Buffer.byteLength(encodeToken({ ...token, revoked: created })) > tokenBytesMax) {
      throw new ConfigError("the prefixes are too long together; about 700 bytes fit");
    }
    return { text, missed: await this.#spread(token) };
  }

  /**
   * Makes every token of that name invalid. Repeating it reaches the partitions that were missed.
   *
   * @throws ConfigError when there never was one.
   */
  async revoke(name: string): Promise<MissedPartition[]> {
    await this.#mustReachOne();
    const named = this.all.filter((token) => token.name === name);
    if (named.length === 0 && this.#configured.some((token) => token.name === name)) {
      throw new ConfigError(`the token ${name} is in the configuration file; remove its section [token-${name}] there`);
    }
    if (named.length === 0) throw new ConfigError(`there is no token ${name}; see kvasir token list`);
    const revoked = this.#options.runtime.now();
    return this.#spread(...named.map((token) => ({ ...token, revoked: token.revoked || revoked })));
  }

  // --- Internal helpers ---

  async #mustReachOne(): Promise<void> {
    const missed = await this.refresh();
    if (missed.length === this.#options.partitions().length) throw unreachable(missed);
  }

  async #spread(...tokens: readonly Token[]): Promise<MissedPartition[]> {
    this.#learn(tokens);
    const missed = await this.refresh();
    if (missed.length === this.#options.partitions().length) throw unreachable(missed);
    return missed;
  }

  async #watchAll(): Promise<void> {
    const added = this.#options.partitions().filter((partition) => !this.#watched.has(partition));
    await Promise.all(added.map((partition) => this.#watch(partition)));
  }

  async #watch(partition: TokenPartition): Promise<void> {
    this.#watched.add(partition);
    await this.#read(partition);
    if (this.#isStopped) return;
    const again = this.#options.runtime.after(refreshMs, () => {
      if (!this.#options.partitions().includes(partition)) this.#watched.delete(partition);
      else void this.#watch(partition);
      void this.#watchAll();
    });
    this.#cancelTimers.set(partition.name, again);
  }

  /** Learns what a partition knows, and tells it what it lacks. */
  async #read(partition: TokenPartition): Promise<MissedPartition | undefined> {
    const { name } = partition;
    if (!partition.isReachable) return { name, problem: partition.problem };
    try {
      const present = await partition.use((each) => each.tokens());
      this.#learn(present);
      if (!partition.isReceiving) this.#isKnown = true;
      const byDigest = new Map(present.map((token) => [token.digest, token]));
      const news = this.all.filter((token) => {
        const there = byDigest.get(token.digest);
        return laterToken(there, token) !== there;
      });
      if (news.length > 0) await partition.use((each) => each.keepTokens(news));
      this.#problems.delete(name);
      return undefined;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (this.#problems.get(name) !== problem) {
        this.#options.log.warn({ partition: name, problem }, "tokens were not synchronised");
      }
      this.#problems.set(name, problem);
      return { name, problem };
    }
  }

  #learn(tokens: readonly Token[]): void {
    for (const token of tokens) {
      const present = this.#known.get(token.digest);
      const later = laterToken(present, token);
      if (later === present) continue;
      this.#known.set(token.digest, later);
      this.generation++;
    }
  }
}

/** @throws ConfigError for what cannot be a token's name. */
export function checkTokenName(name: string): void {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(name)) return;
  throw new ConfigError(`expected a name of 1 to 64 letters, digits, ".", "_" or "-", got ${JSON.stringify(name)}`);
}

function checkPrefix(prefix: string): void {
  try {
    checkKey(prefix);
  } catch (error) {
    throw new ConfigError(`no key can begin with ${JSON.stringify(prefix)}: ${(error as Error).message}`);
  }
}

function unreachable(missed: readonly MissedPartition[]): StoreError {
  const problems = missed.map(({ name, problem }) => `${name}: ${problem}`);
  return new StoreError("no_replica", `no partition could be reached (${problems.join("; ")}); try again`);
}
