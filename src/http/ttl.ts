import { type ErrorCode, StoreError } from "../errors.ts";

const dayMs = 86_400_000;
const unitsMs: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: dayMs };
const ttlMsMax = 100 * 365 * dayMs;

/**
 * The time to live in whole milliseconds, at least 1, from `X-TTL` (seconds) and `?ttl=` (`500ms`, `60s`, `5m`, `2h`,
 * `7d`, or seconds); `undefined` when neither is given. Fractions are allowed, and rounded to the millisecond.
 *
 * @throws StoreError `invalid_header` or `invalid_query`, also when both are given and differ.
 */
export function parseTtl(header: string | undefined, query: string | undefined): number | undefined {
  const headerMs = header === undefined ? undefined : parseHeader(header);
  const queryMs = query === undefined ? undefined : parseQuery(query);
  if (headerMs !== undefined && queryMs !== undefined && headerMs !== queryMs) {
    throw new StoreError("invalid_query", "ttl and the header X-TTL differ; give one of them");
  }
  return headerMs ?? queryMs;
}

function parseHeader(text: string): number {
  const match = /^([0-9]{1,15}(?:\.[0-9]{1,9})?)$/.exec(text);
  if (match === null) throw new StoreError("invalid_header", "X-TTL is not a number of seconds, such as 60 or 0.5");
  return checkedMs("X-TTL", "invalid_header", match[1]!, 1000);
}

function parseQuery(text: string): number {
  const match = /^([0-9]{1,15}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)?$/.exec(text);
  if (match === null) throw new StoreError("invalid_query", "ttl is not a time such as 500ms, 60s, 5m, 2h or 7d");
  return checkedMs("ttl", "invalid_query", match[1]!, unitsMs[match[2] ?? "s"]!);
}

function checkedMs(name: string, code: ErrorCode, amount: string, unitMs: number): number {
  if (Number(amount) === 0) throw new StoreError(code, `${name} is zero; give a time above zero, or DELETE the key`);
  const ms = Math.max(1, Math.round(Number(amount) * unitMs));
  if (ms > ttlMsMax) throw new StoreError(code, `${name} is longer than 100 years; leave it out to keep the value`);
  return ms;
}
