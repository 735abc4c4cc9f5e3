import type { Condition } from "./partition.ts";
import { formatVersion, type Version } from "./version.ts";

/** Whether `condition` holds for a key whose live record has the version `current`, or that has none. */
export function conditionHolds(condition: Condition, current: Version | undefined): boolean {
  if (condition.ifMatch !== undefined && !isNamed(condition.ifMatch, current)) return false;
  return condition.ifNoneMatch === undefined || !isNamed(condition.ifNoneMatch, current);
}

function isNamed(versions: "*" | readonly string[], current: Version | undefined): boolean {
  if (current === undefined) return false;
  return versions === "*" || versions.includes(formatVersion(current));
}
