/** Who holds or wants a lock. */
export interface Owner {
  isOver: boolean;
}

interface Request {
  readonly owner: Owner;
  readonly isShared: boolean;
  readonly granted: () => void;
}

/** Locks by name, shared or exclusive, first come first served. Owners that ask in one order never deadlock. */
export class Locks {
  readonly #held = new Map<string, { owners: Map<Owner, boolean>; waiting: Request[] }>();

  /** Calls `granted` once `owner` has all of `names`, which it asks for one after the other. */
  acquire(owner: Owner, names: readonly string[], isShared: boolean, granted: () => void): void {
    const [name, ...others] = names;
    if (name === undefined) {
      granted();
      return;
    }
    const lock = this.#held.get(name) ?? { owners: new Map<Owner, boolean>(), waiting: [] };
    this.#held.set(name, lock);
    lock.waiting.push({ owner, isShared, granted: () => this.acquire(owner, others, isShared, granted) });
    this.#grant(name);
  }

  release(owner: Owner): void {
    owner.isOver = true;
    for (const [name, lock] of [...this.#held]) {
      lock.owners.delete(owner);
      lock.waiting = lock.waiting.filter((request) => request.owner !== owner);
      this.#grant(name);
    }
  }

  clear(): void {
    for (const { owners, waiting } of this.#held.values()) {
      for (const owner of owners.keys()) owner.isOver = true;
      for (const { owner } of waiting) owner.isOver = true;
    }
    this.#held.clear();
  }

  #grant(name: string): void {
    const lock = this.#held.get(name);
    if (lock === undefined) return;
    for (;;) {
      const [next] = lock.waiting;
      if (next === undefined) break;
      const others = [...lock.owners].filter(([owner]) => owner !== next.owner);
      if (others.some(([, isShared]) => !isShared || !next.isShared)) return;
      lock.waiting.shift();
      lock.owners.set(next.owner, next.isShared && lock.owners.get(next.owner) !== false);
      next.granted();
    }
    if (lock.owners.size === 0 && lock.waiting.length === 0) this.#held.delete(name);
  }
}
