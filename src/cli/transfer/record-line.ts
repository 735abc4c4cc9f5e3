import { parseJson } from "../../http/exact-json.ts";
import type { Line } from "./lines.ts";

/** One line of an export, and, without `version`, one put of a batch. */
export interface RecordLine {
  readonly key: string;
  readonly type?: string;
  /** With `encoding` a text, without it any JSON value. */
  readonly value: unknown;
  readonly encoding?: "utf8" | "base64";
  readonly metadata?: { readonly [name: string]: string };
  /** ISO time. */
  readonly expires?: string;
  readonly version?: string;
}

/** A put of the batch that stores a line. */
export interface PutOperation extends Omit<RecordLine, "version"> {
  readonly op: "put";
}

export type ReadLine =
  | { readonly kind: "put"; readonly operation: PutOperation }
  | { readonly kind: "bad"; readonly reason: string }
  | { readonly kind: "expired" | "empty" };

/** What a line asks for. The server judges the rest of it. */
export function readRecordLine(line: Line, now: number): ReadLine {
  const text = line.bytes.toString("utf8").trim();
  if (text === "") return { kind: "empty" };
  const record = parseObject(text);
  if (record === undefined) return { kind: "bad", reason: "it is no JSON object" };
  const { key, type, encoding, metadata, expires } = record;
  // A JSON value keeps the digits of its numbers; texts need no such care, and it takes longer.
  const value = typeof record.value === "object" || typeof record.value === "number" ? exactValue(text) : record.value;
  if (typeof key !== "string") return { kind: "bad", reason: "it has no key" };
  if (value === undefined) return { kind: "bad", reason: "it has no value" };
  const time = expires === undefined ? undefined : Date.parse(String(expires));
  if (Number.isNaN(time)) return { kind: "bad", reason: `expires is no ISO time: ${JSON.stringify(expires)}` };
  if (time !== undefined && time <= now) return { kind: "expired" };
  return { kind: "put", operation: { op: "put", key, type, value, encoding, metadata, expires } as PutOperation };
}

function parseObject(text: string): { readonly [name: string]: unknown } | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as { [name: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}

function exactValue(text: string): unknown {
  return (parseJson(text) as { readonly value: unknown }).value;
}

/** The members of a line that hold `bytes` exactly. */
export function encodeValue(bytes: Buffer): { value: string; encoding: "utf8" | "base64" } {
  const text = bytes.toString("utf8");
  // What is no UTF-8 comes back changed.
  return Buffer.from(text).equals(bytes)
    ? { value: text, encoding: "utf8" }
    : { value: bytes.toString("base64"), encoding: "base64" };
}
