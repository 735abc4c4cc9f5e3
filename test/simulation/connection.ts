import type { Partition, Write, WriteOutcome } from "../../src/partition.ts";
import { PartitionError } from "../../src/partition.ts";
import { type Database, decideAll, type Found, type Transaction } from "./database.ts";
import type { Process, World } from "./world.ts";

/** How a message between a process and a database fares just now. */
export interface Network {
  /** How long it travels; `undefined` when it is lost. */
  delayMs(process: Process, database: Database): number | undefined;
  /** Whether a connection is refused at once, instead of remaining without an answer. */
  isRefusing(process: Process, database: Database): boolean;
}

/** Gives false when it was settled before. */
type Settle<T> = (error: PartitionError | undefined, result?: T) => boolean;

const callTimeoutMs = 1000;

export interface ConnectionOptions {
  readonly process: Process;
  readonly database: Database;
  readonly network: Network;
  readonly world: World;
  readonly hidesRestarts: boolean;
  /** Called when the partition was opened. */
  opened(): void;
}

/** A front end's connections to one database. */
export function connect({ process, database, network, world, hidesRestarts, opened }: ConnectionOptions): Partition {
  /** The start of the server that was seen by `open`; after another one every connection is found dead. */
  let seenStart = -1;

  const unreachable = (reason: string) => new PartitionError("unreachable", database.name, reason);
  /** Gives false when the message gets lost. */
  const send = (run: () => void): boolean => {
    const delayMs = network.delayMs(process, database);
    if (delayMs === undefined) return false;
    const { start } = database;
    world.after(delayMs, () =>
      database.receive(() => {
        if (database.isUp && database.start === start) run();
      }),
    );
    return true;
  };
  const answer = (run: () => void) => {
    const delayMs = network.delayMs(process, database);
    if (delayMs !== undefined) world.after(delayMs, () => process.deliver(run));
  };

  /** Runs `work` until it settles, the server is found dead, or time is over. */
  const limited = <T>(isOpening: boolean, work: (settle: Settle<T>) => void, late: () => PartitionError) =>
    new Promise<T>((resolve, reject) => {
      const cancels: (() => void)[] = [];
      let isSettled = false;
      const settle: Settle<T> = (error, result) => {
        if (isSettled) return false;
        isSettled = true;
        for (const cancel of cancels) cancel();
        if (error === undefined) resolve(result as T);
        else reject(error);
        return true;
      };
      const isDead = !database.isUp || (!isOpening && !hidesRestarts && database.start !== seenStart);
      if (isDead || network.isRefusing(process, database)) {
        cancels.push(process.after(1, () => settle(unreachable("connection refused"))));
        return;
      }
      const { start } = database;
      const watch = () => {
        // A server that crashed has closed its connections; a process notices soon after.
        if (database.start !== start) settle(late());
        else cancels.push(process.after(50, watch));
      };
      cancels.push(process.after(50, watch));
      cancels.push(process.after(callTimeoutMs, () => settle(late())));
      work(settle);
    });

  const call = <T>(method: keyof Partition, parameters: readonly unknown[]): Promise<T> =>
    limited<T>(
      method === "open" || method === "initialise",
      (settle) =>
        send(() => {
          const { start } = database;
          database.execute(method, parameters, (error, result) =>
            answer(() => {
              if (!settle(error, result as T) || error !== undefined || method !== "open") return;
              seenStart = start;
              opened();
            }),
          );
        }),
      () => unreachable("no answer in time"),
    );

  const write = (writes: readonly Write[]): Promise<WriteOutcome[]> => {
    let attempted: WriteOutcome[] | undefined;
    let isOver = false;
    /** The server ends a transaction whose connection was closed; a process that is paused keeps it open. */
    const endWhenLeft = (transaction: Transaction) => {
      world.after(callTimeoutMs, () => {
        if (transaction.isOver || attempted !== undefined) return;
        if (isOver || !process.isAlive) database.rollBack(transaction);
        else endWhenLeft(transaction);
      });
    };
    const commit = async (found: Found, settle: Settle<WriteOutcome[]>) => {
      const { outcomes, decided, hints } = await decideAll(database.name, found);
      if (decided.length === 0) {
        if (!send(() => database.rollBack(found.transaction))) endLater(found.transaction);
        settle(undefined, outcomes);
        return;
      }
      attempted = outcomes;
      const isSent = send(() =>
        database.commit(found.transaction, decided, hints, (error) => answer(() => settle(error, outcomes))),
      );
      if (!isSent) endLater(found.transaction);
    };
    const endLater = (transaction: Transaction) => world.after(callTimeoutMs, () => database.rollBack(transaction));
    return limited<WriteOutcome[]>(
      false,
      (settle) =>
        send(() =>
          database.begin(writes, (failure, found) => {
            if (found !== undefined) endWhenLeft(found.transaction);
            answer(() => {
              if (isOver) return;
              if (found === undefined) settle(failure);
              else void commit(found, settle);
            });
          }),
        ),
      () => {
        isOver = true;
        if (attempted === undefined) return unreachable("no answer in time");
        return unreachable("the answer to COMMIT was lost").with({ outcome: "unknown", attempted });
      },
    );
  };

  return new Proxy({ name: database.name } as Partition, {
    get: (target, property: string) => {
      if (property === "name") return target.name;
      if (property === "readNow" || property === "readSmall" || property === "then") return undefined;
      if (property === "close") return async () => undefined;
      if (property === "write") return write;
      return (...parameters: unknown[]) => call(property as keyof Partition, parameters);
    },
  });
}
