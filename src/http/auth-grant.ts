import { StoreError } from "../errors.ts";
import { type Scope, scopes, type Token } from "../token.ts";
import type { Allowance } from "./allowance.ts";

/** What a request may do. Whatever touches a key or lists keys asks it first. */
export class Grant {
  readonly #scopes: ReadonlySet<Scope>;
  readonly #prefixes: readonly string[];
  /** What is left of its rate, if that is limited. */
  readonly allowance: Allowance | undefined;

  /** The keys are those that begin with one of `prefixes`, or all when there is none. */
  constructor({ scopes, prefixes }: Pick<Token, "scopes" | "prefixes">, allowance?: Allowance) {
    this.allowance = allowance;
    this.#scopes = new Set(scopes);
    this.#prefixes = prefixes;
  }

  /**
   * Whether it holds for a key, or for all keys that begin with `text`.
   *
   * @throws StoreError `forbidden`
   */
  check(scope: "read" | "write", text: string): void {
    this.#checkScope(scope);
    if (this.#covers(text)) return;
    const allowed = this.#prefixes.map((prefix) => JSON.stringify(prefix)).join(" or ");
    throw new StoreError("forbidden", `this token is only for keys that begin with ${allowed}`);
  }

  /** Whether the key, and what is stored under it, may be shown. */
  mayRead(key: string): boolean {
    return this.#scopes.has("read") && this.#covers(key);
  }

  /**
   * Whether it holds for this method on this key. A patch also reads: its tests tell what the value is.
   *
   * @throws StoreError `forbidden`
   */
  checkMethod(method: string, key: string): void {
    if (method === "OPTIONS") return;
    const isRead = method === "GET" || method === "HEAD";
    if (isRead || method === "PATCH") this.check("read", key);
    if (!isRead) this.check("write", key);
  }

  /** @throws StoreError `forbidden` */
  checkAdmin(): void {
    this.#checkScope("admin");
  }

  /** @throws StoreError `forbidden` for any limit at all. */
  checkAll(): void {
    for (const scope of scopes) this.#checkScope(scope);
    this.check("write", "");
  }

  #covers(text: string): boolean {
    return this.#prefixes.length === 0 || this.#prefixes.some((prefix) => text.startsWith(prefix));
  }

  #checkScope(scope: Scope): void {
    if (!this.#scopes.has(scope)) throw new StoreError("forbidden", `this token lacks the scope ${scope}`);
  }
}

/** While the store has no tokens. */
export const everything = new Grant({ scopes, prefixes: [] });
/** Of a request that gave no token where none is needed. */
export const nothing = new Grant({ scopes: [], prefixes: [] });
