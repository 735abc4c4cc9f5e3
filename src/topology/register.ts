import { StoreError } from "../errors.ts";
import { type Partition, PartitionError, type StoredTopology } from "../partition.ts";
import { type Runtime, sleep } from "../runtime.ts";
import { newWriterId } from "../version.ts";
import { namesOf, type Topology } from "./topology.ts";

/** A partition as it takes part in changes of the topology: `Replica` is one. */
export interface Voter {
  readonly name: string;
  readonly isReachable: boolean;
  /** Whether it is new or was set back, and so may have forgotten what it promised. */
  readonly isReceiving: boolean;
  readonly problem: string;
  use<T>(work: (partition: Partition) => Promise<T>): Promise<T>;
}

export interface RegisterOptions {
  /** The partition of a name, as far as this program knows it. */
  readonly voter: (name: string) => Voter | undefined;
  readonly runtime: Runtime;
}

const attemptsMax = 20;
const retryDelayMs = 50;

/**
 * Decides which topology follows upon which, so that an epoch stands for one topology only, whatever programs try at
 * once and wherever they end.
 *
 * For each epoch a round of Paxos (Lamport, 1998) among the members of the topology before it: a majority must promise
 * to listen to nobody with a lesser ballot, and then accept. Whatever one of them has accepted before is finished first,
 * because a majority may have. Only what a majority has accepted is adopted, and only what is adopted is gone by.
 */
export class Register {
  readonly #options: RegisterOptions;
  #count = 0;

  constructor(options: RegisterOptions) {
    this.#options = options;
  }

  /**
   * Has it decided what follows upon `current`. Gives that: `next`, or what somebody else has proposed before.
   *
   * @throws StoreError `no_replica` when too few of the members can be asked, `overloaded` when others keep proposing.
   */
  async decide(current: Topology, next: Topology): Promise<Topology> {
    const { runtime } = this.#options;
    const lost = current.change?.lost ?? next.change?.lost;
    const members = current.members.map(({ name }) => name).filter((name) => name !== lost);
    // Without its majority: where one of two is lost, both would be needed. A person has said that it is.
    const needed = lost === undefined ? Math.floor(current.members.length / 2) + 1 : members.length;
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const voters = this.#voters(members, needed);
      const ballot = this.#nextBallot();
      const answers = await askAll(voters, async (voter) => {
        const stored = await voter.use((partition) => partition.promise(ballot));
        // It was away when this was decided.
        if (epochOf(stored) >= current.epoch) return stored;
        return voter.use((partition) => partition.adopt(current));
      });
      for (const { result } of answers) this.#see(result);
      const newer = answers.find(({ result }) => epochOf(result) > current.epoch)?.result.topology;
      if (newer !== undefined) return newer;
      const granted = answers.filter(({ result }) => result.promised === ballot);
      if (granted.length >= needed) {
        const value = proposed(granted.map(({ result }) => result)) ?? next;
        const accepts = await askAll(
          granted.map(({ voter }) => voter),
          (voter) => voter.use((partition) => partition.accept(ballot, value)),
        );
        if (accepts.filter(({ result }) => result).length >= needed) {
          await this.spread(value, namesOf(current));
          return value;
        }
      }
      await sleep(runtime, retryDelayMs * attempt * runtime.random());
    }
    throw new StoreError("overloaded", "others keep changing the topology at the same time; try again");
  }

  /** Tells everybody that can be reached, and is concerned, what was decided. Those that are away learn it later. */
  async spread(topology: Topology, more: readonly string[] = []): Promise<void> {
    const voters = [...new Set([...namesOf(topology), ...more])].flatMap((name) => this.#options.voter(name) ?? []);
    await askAll(
      voters.filter((voter) => voter.isReachable),
      (voter) => voter.use((partition) => partition.adopt(topology)),
    );
  }

  // --- Internal helpers ---

  #voters(members: readonly string[], needed: number): Voter[] {
    const known = members.map((name) => ({ name, voter: this.#options.voter(name) }));
    const able = known.flatMap(({ voter }) => (voter?.isReachable && !voter.isReceiving ? [voter] : []));
    if (able.length >= needed) return able;
    const problems = known
      .filter(({ voter }) => !voter || !able.includes(voter))
      .map(({ name, voter }) => `${name}: ${voter?.problem || "not in this configuration"}`);
    const message = `the topology can change only with ${needed} of ${members.length} partitions (${problems.join("; ")})`;
    throw new StoreError("no_replica", `${message}; try again when they are back`);
  }

  #nextBallot(): string {
    const proposer = newWriterId(this.#options.runtime.random).toString(36);
    return `${String(++this.#count).padStart(12, "0")}-${proposer}`;
  }

  #see({ promised }: StoredTopology): void {
    this.#count = Math.max(this.#count, Number(promised.split("-")[0] || 0));
  }
}

/** What a majority may have accepted already. */
function proposed(answers: readonly StoredTopology[]): Topology | undefined {
  let greatest: StoredTopology["accepted"];
  for (const { accepted } of answers) {
    if (accepted !== undefined && (greatest === undefined || accepted.ballot > greatest.ballot)) greatest = accepted;
  }
  return greatest?.topology;
}

function epochOf({ topology }: StoredTopology): number {
  return topology?.epoch ?? 0;
}

/** The answers of those who gave one. */
async function askAll<T>(
  voters: readonly Voter[],
  ask: (voter: Voter) => Promise<T>,
): Promise<{ voter: Voter; result: T }[]> {
  const answers = await Promise.all(
    voters.map(async (voter) => {
      try {
        return [{ voter, result: await ask(voter) }];
      } catch (error) {
        if (error instanceof PartitionError) return [];
        throw error;
      }
    }),
  );
  return answers.flat();
}
