import { PartitionError } from "../../partition.ts";
import type { MysqlConnection } from "./mysql-connection.ts";
import { isConflict } from "./mysql-errors.ts";

/** For one statement: a large table may be copied, or an index built. */
export const definitionTimeoutMs = 3_600_000;

/**
 * A change of a table waits for the transactions that use it, and everything that comes after it waits behind it. So it
 * gives up after this many seconds (the least that MySQL knows), and tries again later.
 */
const lockWaitSeconds = 1;
const attemptsMax = 30;
const pauseMs = 500;

/** The column or the index is there already, or gone already. */
const doneAlready: readonly unknown[] = [1060, 1061, 1091];

/**
 * Runs statements that create or change tables, in their order. Each is tried again while others use the table, and
 * one that somebody else has run before counts as done.
 *
 * @throws PartitionError `overloaded` when somebody holds a table for all of the attempts.
 */
export async function defineTables(connection: MysqlConnection, statements: readonly string[]): Promise<void> {
  await connection.execute(`SET SESSION lock_wait_timeout = ${lockWaitSeconds}`, []);
  for (const statement of statements) await define(connection, statement);
}

async function define(connection: MysqlConnection, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await connection.execute(statement, []);
      return;
    } catch (error) {
      if (!(error instanceof PartitionError)) throw error;
      if (doneAlready.includes((error.cause as { errno?: number } | undefined)?.errno)) return;
      if (!isConflict(error)) throw error;
      if (attempt === attemptsMax) {
        const message = `a table is in use for too long (${error.reason}); end the backup or session that holds it`;
        throw new PartitionError("overloaded", error.partition, message, { cause: error });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())));
  }
}
