/** YCSB's skew: the most popular key is asked for about every 27th time. */
const theta = 0.99;

/**
 * Ranks from 0 with Zipf's law: rank r comes about (r + 1) ^ -0.99 as often as rank 0. After Gray et al., "Quickly
 * generating billion-record synthetic databases" (SIGMOD 1994), as YCSB does it.
 */
export class Zipfian {
  readonly #random: () => number;
  readonly #zetaOfTwo = zeta(0, 2, 0);
  #items = 0;
  #zeta = 0;
  #eta = 0;

  /** `zetaOfItems` spares the sum over all items where it is known. */
  constructor(random: () => number, items: number, zetaOfItems?: number) {
    this.#random = random;
    this.#grow(items, zetaOfItems);
  }

  /** A rank below `items`, which may grow from call to call. */
  next(items = this.#items): number {
    if (items > this.#items) this.#grow(items);
    const u = this.#random();
    const uz = u * this.#zeta;
    if (uz < 1) return 0;
    if (uz < 1 + 0.5 ** theta) return 1;
    return Math.min(this.#items - 1, Math.floor(this.#items * (this.#eta * u - this.#eta + 1) ** (1 / (1 - theta))));
  }

  #grow(items: number, zetaOfItems = zeta(this.#items, items, this.#zeta)): void {
    this.#items = items;
    this.#zeta = zetaOfItems;
    this.#eta = (1 - (2 / items) ** (1 - theta)) / (1 - this.#zetaOfTwo / this.#zeta);
  }
}

/** The sum of i ^ -theta for i up to `to`, when that up to `from` is `sum`. */
function zeta(from: number, to: number, sum: number): number {
  let total = sum;
  for (let i = from + 1; i <= to; i++) total += i ** -theta;
  return total;
}

/** Ranks are drawn from so many, and spread by a hash, so that the popular keys stay the same while keys are added. */
const scrambledItems = 10_000_000_000;
/** zeta(10^10, 0.99), as YCSB has it. */
const scrambledZeta = 26.46902820178302;

/** Numbers below `items`, as skewed as {@link Zipfian}, with the popular ones anywhere among them. */
export class ScrambledZipfian {
  readonly #zipfian: Zipfian;
  readonly #items: number;

  constructor(random: () => number, items: number) {
    this.#zipfian = new Zipfian(random, scrambledItems, scrambledZeta);
    this.#items = items;
  }

  next(): number {
    return Number(fnv64(this.#zipfian.next()) % BigInt(this.#items));
  }
}

const fnvOffset = 0xcbf29ce484222325n;
const fnvPrime = 1099511628211n;

/** 64-bit FNV-1a of a number's eight bytes, the lowest first, as YCSB takes it: without the sign. */
export function fnv64(number: number): bigint {
  let hash = fnvOffset;
  let left = BigInt(number);
  for (let octet = 0; octet < 8; octet++) {
    hash = BigInt.asUintN(64, (hash ^ (left & 0xffn)) * fnvPrime);
    left >>= 8n;
  }
  const signed = BigInt.asIntN(64, hash);
  return signed < 0n ? -signed : signed;
}
