import { conditionHolds } from "../condition.ts";
import type { RecalledRequest, Write, WriteOutcome } from "../partition.ts";
import { isLive, type Record } from "../record.ts";
import { compareVersions, type Version } from "../version.ts";

/** What becomes of a write. `record` is there exactly when it is to be stored, together with its hints. */
export interface Decision {
  readonly outcome: WriteOutcome;
  readonly record?: Record;
}

/** What a decision needs of the row: its content does not matter. */
export type DecidedRow = Pick<Record, "version" | "isTombstone" | "expires">;

/**
 * Decides `write` against `row`, the key's row under its lock, and `request`, what is known of its request id. The
 * version is always above `writeFloor`. With another topology than the partition's, of `epoch`, it is not decided at all.
 * Pure, and the same for every engine.
 */
export function decide(
  write: Write,
  row: DecidedRow | undefined,
  request: RecalledRequest | undefined,
  writeFloor: bigint,
  epoch: number,
): Decision {
  if (write.epoch !== epoch) return { outcome: { kind: "outdated", epoch } };
  const existed = row !== undefined && isLive(row, write.now);
  const { attempted } = write;
  const isPlain = write.condition === undefined && write.request === undefined;
  if (attempted !== undefined) {
    const order = row === undefined ? -1 : compareVersions(row.version, attempted);
    if (order === 0) return { outcome: { kind: "found", version: attempted } };
    // Under a newer row it may have been stored or not, and others may have decided by either. At or below the write
    // floor others would take it for a ghost.
    if (isPlain && (order > 0 || attempted.stamp <= writeFloor)) return { outcome: { kind: "unknown" } };
    if (isPlain) return apply(write, attempted, existed);
  }
  if (request !== undefined) {
    if (request.digest !== write.request?.digest) return { outcome: { kind: "request_reused" } };
    return { outcome: { kind: "replayed", version: request.version, existed: request.existed } };
  }
  if (attempted !== undefined && row !== undefined && compareVersions(row.version, attempted) > 0) {
    return { outcome: { kind: "unknown" } };
  }
  const current = existed ? row.version : undefined;
  if (write.condition !== undefined && !conditionHolds(write.condition, current)) {
    return { outcome: { kind: "condition_failed", current } };
  }
  const atLeast = writeFloor >= write.stamp ? writeFloor + 1n : write.stamp;
  const stamp = row !== undefined && row.version.stamp >= atLeast ? row.version.stamp + 1n : atLeast;
  return apply(write, { stamp, writer: write.writer }, existed);
}

function apply(write: Write, version: Version, existed: boolean): Decision {
  return { outcome: { kind: "applied", version, existed }, record: { ...write.content, key: write.key, version } };
}
