import { StoreError } from "../errors.ts";
import { type Json, parseJson } from "./exact-json.ts";
import { jsonPatch } from "./json-patch.ts";
import { isJsonType } from "./media-type.ts";
import { mergePatch } from "./merge-patch.ts";

const patchFormats = new Map<string, (document: Json, patch: Json) => Json>([
  ["application/merge-patch+json", mergePatch],
  ["application/json-patch+json", jsonPatch],
]);

/** For `Accept-Patch`. */
export const acceptPatch = [...patchFormats.keys()].join(", ");

/**
 * The bytes of a stored JSON value after a patch of the media type `patchType`. All of the patch applies or it throws.
 * Numbers that it does not touch keep their digits; white space goes, and of members with one name the last stays.
 *
 * @throws StoreError `patch_type_unsupported`, `invalid_body` for a patch that is none, `not_json` for a stored value
 *   that is none, `patch_failed`.
 */
export function applyPatch(
  patchType: string | undefined,
  patch: Uint8Array,
  currentType: string,
  current: Uint8Array,
): Uint8Array {
  const apply = patchFormats.get((patchType ?? "").split(";")[0]!.trim().toLowerCase());
  if (apply === undefined) {
    throw new StoreError("patch_type_unsupported", `the Content-Type of a PATCH is one of ${acceptPatch}`);
  }
  const change = parseBytes(patch, "invalid_body", "the patch is not JSON in UTF-8");
  if (!isJsonType(currentType)) {
    throw new StoreError("not_json", "the stored value has no JSON type; PUT it with Content-Type: application/json");
  }
  const document = parseBytes(current, "not_json", "the stored value has a JSON type but is not JSON; PUT it anew");
  try {
    return Buffer.from(JSON.stringify(apply(document, change)));
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(error);
    throw error;
  }
}

// A byte order mark is not JSON.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parseBytes(bytes: Uint8Array, code: "invalid_body" | "not_json", problem: string): Json {
  try {
    return parseJson(decoder.decode(bytes));
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(error);
    throw new StoreError(code, problem, { cause: error });
  }
}

/** V8 gives up on nesting of some thousand levels, and on texts beyond half a gigabyte. */
function tooDeep(cause: RangeError): StoreError {
  return new StoreError("patch_failed", "the value or the patch is nested too deeply, or the result is too large", {
    cause,
  });
}
