import { randomUUID } from "node:crypto";
import { ConfigError } from "./errors.ts";
import { type Partition, PartitionError } from "./partition.ts";

/**
 * Finds the id that the partitions of this store carry, and gives it to those that have no schema yet. Without
 * any, a new store is founded: the first partition by name decides its id, so that two programs that start at
 * once agree.
 *
 * `undefined` when none can be reached now: the first one that is seen will tell.
 *
 * @throws ConfigError when partitions belong to different stores, are refused, or cannot be set up.
 */
export async function adoptCluster(
  partitions: readonly Partition[],
  configured: string | undefined,
): Promise<string | undefined> {
  const openings = await Promise.all(partitions.map(opening));
  for (const { error } of openings) if (error?.kind === "refused") throw new ConfigError(error.message);

  let cluster = configured ?? openings.find((each) => each.cluster !== undefined)?.cluster;
  for (const { partition, cluster: found } of openings) {
    if (found === undefined || found === cluster) continue;
    throw new ConfigError(
      `partition ${partition.name} belongs to the store ${found}, not to ${cluster} like the others; check its url`,
    );
  }
  const empty = openings.filter(({ error }) => error?.kind === "uninitialised").map(({ partition }) => partition);
  if (empty.length === 0) return cluster;
  // A store that is there already has data that an empty partition has yet to receive.
  const isJoining = cluster !== undefined && openings.some((each) => each.cluster !== undefined);
  if (cluster === undefined) {
    const away = openings.find(({ error }) => error?.kind === "unreachable");
    if (away?.error !== undefined) {
      throw new ConfigError(`a new store needs all its partitions at its start, and ${away.error.message}`);
    }
    empty.sort((a, b) => (a.name < b.name ? -1 : 1));
    cluster = await found(empty[0]!);
  }
  for (const partition of empty) await setUp(partition, cluster, isJoining);
  return cluster;
}

interface Opening {
  readonly partition: Partition;
  readonly cluster?: string;
  readonly error?: PartitionError;
}

async function opening(partition: Partition): Promise<Opening> {
  try {
    const { identity } = await partition.open();
    return { partition, cluster: identity.cluster };
  } catch (error) {
    if (error instanceof PartitionError) return { partition, error };
    throw error;
  }
}

/** Another program may have been faster: then its id counts. */
async function found(partition: Partition): Promise<string> {
  try {
    await setUp(partition, randomUUID(), false);
  } catch (error) {
    const again = await opening(partition);
    if (again.cluster !== undefined) return again.cluster;
    throw error;
  }
  return (await partition.open()).identity.cluster;
}

async function setUp(partition: Partition, cluster: string, isJoining: boolean): Promise<void> {
  try {
    await partition.initialise({ cluster, partition: partition.name }, isJoining);
  } catch (error) {
    if (error instanceof PartitionError) throw new ConfigError(error.message);
    throw error;
  }
}
