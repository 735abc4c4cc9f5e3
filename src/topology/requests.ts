import type { RequestPosition, StoredRequest } from "../partition.ts";
import { keyBucket } from "../replicas/hash.ts";
import type { Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import { type Runtime, sleep } from "../runtime.ts";

/** Request ids read at once. */
const pageLength = 1000;
/** By how much the clocks of two front ends may differ for what one recorded to be found by the other's. */
export const clockSlackMs = 30 * 60_000;

/**
 * Brings the request ids recorded on `source` since `since` (ms), of keys whose home a change moves from there to
 * `target`, so that a repeated request is recognised by the new home. Harmless when repeated.
 *
 * @throws PartitionError when either is lost on the way.
 */
export async function copyRequests(
  source: Replica,
  target: Replica,
  since: number,
  { replicas, runtime }: { readonly replicas: ReplicaSet; readonly runtime: Runtime },
): Promise<void> {
  let after: RequestPosition | undefined = { at: Math.max(0, since), key: "", id: "" };
  while (after !== undefined) {
    const start: RequestPosition = after;
    const page: StoredRequest[] = await source.use((partition) => partition.requests(start, pageLength));
    const moved = page.filter(({ key }) => {
      const bucket = keyBucket(key);
      return replicas.homeBefore(bucket) === source && replicas.homeAfter(bucket) === target;
    });
    if (moved.length > 0) await target.use((partition) => partition.keepRequests(moved));
    after = page.length < pageLength ? undefined : page.at(-1);
    await sleep(runtime, 0);
  }
}
