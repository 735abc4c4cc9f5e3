/**
 * What charts show, worked out of two samples of counters that only grow.
 *
 * @typedef {{ readonly batches: number, readonly members: number }} BatchCount
 * @typedef {object} Sample
 * @property {string} writer the process that counted
 * @property {{ reads: number, writes: number, failed: number, durations: { upToMs?: number, count: number }[] }} requests
 * @property {{ name: string, owed?: number, batches?: { reads: BatchCount, writes: BatchCount } }[]} partitions
 */

/**
 * @param {Sample} before
 * @param {Sample} after
 * @param {number} seconds between them
 */
export function figuresOf(before, after, seconds) {
  const counts = after.requests.durations.map(
    (each, index) => each.count - (before.requests.durations[index]?.count ?? 0),
  );
  const bounds = after.requests.durations.map(({ upToMs }) => upToMs);
  return {
    rates: [
      (after.requests.reads - before.requests.reads) / seconds,
      (after.requests.writes - before.requests.writes) / seconds,
      (after.requests.failed - before.requests.failed) / seconds,
    ],
    latencies: [quantile(counts, bounds, 0.5), quantile(counts, bounds, 0.99)],
    batches: [meanBatch(before, after, "reads"), meanBatch(before, after, "writes")],
    owed: after.partitions.map(({ owed }) => owed ?? null),
  };
}

/**
 * Within a bucket the requests are taken to be spread evenly. `null` when there were none.
 * @param {readonly number[]} counts
 * @param {readonly (number | undefined)[]} bounds
 * @param {number} part
 */
export function quantile(counts, bounds, part) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = part * total;
  let lower = 0;
  for (const [index, count] of counts.entries()) {
    const upper = bounds[index];
    // Beyond the last bound nothing is known but that.
    if (upper === undefined) return lower;
    if (left <= count && count > 0) return lower + (upper - lower) * (left / count);
    left -= count;
    lower = upper;
  }
  return lower;
}

/**
 * @param {Sample} before
 * @param {Sample} after
 * @param {"reads" | "writes"} kind
 */
function meanBatch(before, after, kind) {
  let [batches, members] = [0, 0];
  for (const partition of after.partitions) {
    const earlier = before.partitions.find(({ name }) => name === partition.name)?.batches?.[kind];
    const now = partition.batches?.[kind];
    batches += (now?.batches ?? 0) - (earlier?.batches ?? 0);
    members += (now?.members ?? 0) - (earlier?.members ?? 0);
  }
  return batches === 0 ? null : members / batches;
}
