import { parseRate, type Rate } from "../rate.ts";

/** A kind of setting: how its values are written in TOML and as text (environment, flags), and what they become. */
export interface Kind<T> {
  /** For messages, such as `a whole number from 0 to 65535`. */
  readonly expected: string;
  /** `undefined` for a value that is not of this kind. */
  fromToml(value: unknown): T | undefined;
  /** `undefined` for a text that is not of this kind. */
  fromText(text: string): T | undefined;
}

export const text: Kind<string> = {
  expected: "a text",
  fromToml: (value) => (typeof value === "string" && value !== "" ? value : undefined),
  fromText: (value) => (value === "" ? undefined : value),
};

export const list: Kind<readonly string[]> = {
  expected: "a list of texts (as text: separated by commas)",
  fromToml: (value) =>
    Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "") ? value : undefined,
  fromText: (value) =>
    value
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== ""),
};

/** As a browser writes them in `Origin`: no path, no port that the scheme implies, nothing that stands for several. */
export const origins: Kind<readonly string[]> = {
  expected: 'a list of origins such as "https://app.example" (as text: separated by commas)',
  fromToml: (value) => allOrigins(list.fromToml(value)),
  fromText: (value) => allOrigins(list.fromText(value)),
};

function allOrigins(texts: readonly string[] | undefined): readonly string[] | undefined {
  return texts?.every((text) => URL.canParse(text) && new URL(text).origin === text) ? texts : undefined;
}

export const truth: Kind<boolean> = {
  expected: "true or false",
  fromToml: (value) => (typeof value === "boolean" ? value : undefined),
  fromText: (value) => (value === "true" ? true : value === "false" ? false : undefined),
};

export function count(min: number, max: number): Kind<number> {
  const check = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max ? (value as number) : undefined;
  return {
    expected: `a whole number from ${min} to ${max}`,
    fromToml: check,
    fromText: (value) => (/^[0-9]+$/.test(value) ? check(Number(value)) : undefined),
  };
}

export const weight: Kind<number> = {
  expected: "a number above 0",
  fromToml: (value) => (typeof value === "number" && value > 0 && value < Infinity ? value : undefined),
  fromText: (value) => (/^[0-9]*\.?[0-9]+$/.test(value) && Number(value) > 0 ? Number(value) : undefined),
};

export function choice<const Choices extends readonly string[]>(...choices: Choices): Kind<Choices[number]> {
  const check = (value: unknown) => choices.find((one) => one === value);
  return { expected: choices.map((one) => JSON.stringify(one)).join(" or "), fromToml: check, fromText: check };
}

export function either<A, B>(a: Kind<A>, b: Kind<B>): Kind<A | B> {
  return {
    expected: `${a.expected} or ${b.expected}`,
    fromToml: (value) => a.fromToml(value) ?? b.fromToml(value),
    fromText: (value) => a.fromText(value) ?? b.fromText(value),
  };
}

const durationUnits: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `2s`, `500ms`, `1.5h` as whole milliseconds; `undefined` for any other text. */
export function parseDuration(value: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)$/.exec(value);
  return match === null ? undefined : Math.round(Number(match[1]) * durationUnits[match[2]!]!);
}

/** A length of time, in whole milliseconds. A bare number is refused: its unit would be a guess. */
export function duration(min: string, max: string): Kind<number> {
  const minMs = parseDuration(min)!;
  const maxMs = parseDuration(max)!;
  const check = (value: unknown) => {
    const ms = typeof value === "string" ? parseDuration(value) : undefined;
    return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
  };
  return {
    expected: `a time from ${min} to ${max} with its unit, such as "500ms", "2s", "1m" or "24h"`,
    fromToml: check,
    fromText: check,
  };
}

export const rate: Kind<Rate> = {
  expected: 'a rate such as "100/s", "600/m" or "5000/h"',
  fromToml: (value) => (typeof value === "string" ? parseRate(value) : undefined),
  fromText: parseRate,
};

const sizeUnits: { readonly [unit: string]: number } = { "": 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A number of bytes. */
export function size(min: string, max: string): Kind<number> {
  const parse = (value: string) => {
    const match = /^([0-9]+) ?(|B|KiB|MiB|GiB)$/.exec(value);
    return match === null ? undefined : Number(match[1]) * sizeUnits[match[2]!]!;
  };
  const check = (value: unknown) => {
    const bytes =
      typeof value === "string" ? parse(value) : Number.isSafeInteger(value) ? (value as number) : undefined;
    return bytes !== undefined && bytes >= parse(min)! && bytes <= parse(max)! ? bytes : undefined;
  };
  return {
    expected: `a size from ${min} to ${max}, such as 65536, "64KiB" or "8MiB"`,
    fromToml: check,
    fromText: check,
  };
}
