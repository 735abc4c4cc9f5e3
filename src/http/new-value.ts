import { z } from "zod";
import { StoreError } from "../errors.ts";
import type { NewContent } from "../store-types.ts";
import { type Json, parseJson } from "./exact-json.ts";
import { isJsonType, storedType } from "./media-type.ts";
import { checkedMetadata } from "./metadata.ts";
import { parseTtl } from "./ttl.ts";

/** Numbers of {@link parseJson} may be objects that keep their digits. */
const plainNumber = (value: unknown) =>
  typeof value === "object" && value !== null ? Number(JSON.stringify(value)) : value;

/** The members that say what a POST or a batch stores. */
export const newValueMembers = {
  value: z.unknown().optional(),
  encoding: z.enum(["utf8", "base64"]).optional(),
  type: z.string().optional(),
  ttl: z.preprocess(plainNumber, z.union([z.string(), z.number()]).optional()),
  expires: z.iso.datetime({ offset: true }).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
};

interface NewValue {
  readonly value?: unknown;
  readonly encoding?: "utf8" | "base64" | undefined;
  readonly type?: string | undefined;
  readonly ttl?: string | number | undefined;
  readonly expires?: string | undefined;
  readonly metadata?: { readonly [name: string]: string } | undefined;
}

/**
 * What these members store. They mean what the documents of a GET or a list say with them: with `encoding` the value
 * is a text or bytes; without it, it is the JSON itself when the type is a JSON one, and a string is text otherwise.
 *
 * @throws StoreError `invalid_body`, `value_too_large`, `metadata_too_large`.
 */
export function newContent(
  given: NewValue,
  limits: { readonly valueBytesMax: number; readonly metadataBytesMax: number },
): NewContent {
  return asBodyError(() => {
    const { bytes, type } = readValue(given);
    if (bytes.length > limits.valueBytesMax) {
      throw new StoreError("value_too_large", `the value has more than the ${limits.valueBytesMax} bytes allowed`);
    }
    const metadata = checkedMetadata(given.metadata ?? {}, limits.metadataBytesMax, "invalid_body");
    return { value: bytes, type: storedType(type, bytes), metadata, expires: readExpiry(given) };
  });
}

/** The most bytes of a body with such values: base64 and JSON escapes make it longer than they are. */
export function bodyBytesMax(valueBytesMax: number): number {
  return 2 * valueBytesMax + besidesBytes;
}

/** For keys and metadata, and for many small values in one batch. */
const besidesBytes = 2 ** 21;

/**
 * JSON of a request, with the digits of its numbers, in the shape of `schema`. `name` begins the messages.
 *
 * @throws StoreError `invalid_body` that says where and what is wrong.
 */
export function parseBody<T>(body: Uint8Array, schema: z.ZodType<T>, name: string): T {
  try {
    return checkShape(parseJson(new TextDecoder("utf-8", { fatal: true }).decode(body)), schema, name);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const reason = error instanceof RangeError ? "it is nested too deeply" : (error as Error).message;
    throw new StoreError("invalid_body", `the body is not JSON: ${reason}`, { cause: error });
  }
}

/** @throws StoreError `invalid_body`. */
export function checkShape<T>(value: Json | object, schema: z.ZodType<T>, name: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  const place = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  throw new StoreError("invalid_body", `${name}${place}: ${message}`);
}

function readValue({ value, encoding, type }: NewValue): { bytes: Uint8Array; type: string | undefined } {
  if (value === undefined) throw new StoreError("invalid_body", "value is missing");
  if (encoding !== undefined && typeof value !== "string") {
    throw new StoreError("invalid_body", `with encoding ${encoding} the value is a string`);
  }
  if (encoding === "base64") return { bytes: decodeBase64(value as string), type };
  const isText = typeof value === "string" && (encoding === "utf8" || type === undefined || !isJsonType(type));
  if (!isText) return { bytes: Buffer.from(toJson(value)), type: type ?? "application/json" };
  if (!value.isWellFormed()) throw new StoreError("invalid_body", "the value contains half of a surrogate pair");
  return { bytes: Buffer.from(value), type };
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new StoreError("invalid_body", "the value is nested too deeply", { cause: error });
  }
}

function decodeBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  // Node skips whatever is no base64; written again it shows.
  if (bytes.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "")) return bytes;
  throw new StoreError("invalid_body", "the value is not base64");
}

function readExpiry({ ttl, expires }: NewValue): number {
  if (ttl !== undefined && expires !== undefined) {
    throw new StoreError("invalid_body", "ttl and expires are both given; give one of them");
  }
  const ttlMs = ttl === undefined ? undefined : parseTtl(undefined, String(ttl));
  if (ttlMs !== undefined) return Date.now() + ttlMs;
  // 0 would mean never.
  return expires === undefined ? 0 : Math.max(1, Date.parse(expires));
}

/** What is read from a body is a mistake in the body, whoever finds it. */
function asBodyError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const isOther = error instanceof StoreError && ["invalid_header", "invalid_query"].includes(error.code);
    throw isOther ? new StoreError("invalid_body", error.message, { cause: error }) : error;
  }
}
