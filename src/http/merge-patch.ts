import { isJsonObject, type Json, memberOf, setMember } from "./exact-json.ts";

/**
 * `target` after a JSON Merge Patch (RFC 7396): members of the patch replace or add, `null` removes, arrays are
 * replaced whole. It may change `target` and share parts of both.
 *
 * The `json-merge-patch` package stops in the middle of a patch that has a member named `constructor`, `prototype`
 * or `__proto__`; here these are names like any other.
 */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const merged = isJsonObject(target) ? target : {};
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) delete merged[name];
    else setMember(merged, name, mergePatch(memberOf(merged, name), change));
  }
  return merged;
}
