import { PartitionError } from "../../partition.ts";
import type { Database, EngineFacts, Parameter, Row, Session } from "./database.ts";
import { checkServer } from "./mysql-checks.ts";
import { MysqlConnection } from "./mysql-connection.ts";
import { defineTables, definitionTimeoutMs } from "./mysql-definitions.ts";
import { isCommitRefused, isConflict, mysqlError } from "./mysql-errors.ts";
import { MysqlLanes } from "./mysql-lanes.ts";
import { callTimeoutFactor, type MysqlOptions } from "./mysql-options.ts";

/** A transaction that lost a deadlock, or a lock timeout, is tried this often in all. */
const attemptsMax = 6;
/** The longest pause before the second attempt; it doubles with each. */
const pauseMs = 8;

/**
 * A MySQL or MariaDB database: connections for reads, each statement a transaction of its own, and connections
 * for transactions.
 *
 * No call outlives its deadline: `queryTimeoutMs` for each statement and for the wait for a connection, four
 * times that for a whole call. What is late fails as `unreachable` (a wait as `overloaded`), and its connection is
 * destroyed. A conflict that outlasts its retries is `overloaded`, not `unreachable`: the server is there.
 */
export class MysqlDatabase implements Database {
  readonly dialect = "mysql";
  readonly #options: MysqlOptions;
  readonly #reads: MysqlLanes;
  readonly #writes: MysqlLanes;
  #isOpen = false;
  /** The host that answered last: members of a cluster are not to be mixed while one serves. */
  #host = 0;

  constructor(options: MysqlOptions) {
    this.#options = options;
    const { name, readConnections, writeConnections, queryTimeoutMs } = options;
    this.#reads = new MysqlLanes(name, readConnections, queryTimeoutMs, () => this.#connect("read"));
    this.#writes = new MysqlLanes(name, writeConnections, queryTimeoutMs, () => this.#connect("write"));
  }

  async open(): Promise<EngineFacts> {
    return this.#reads.lend(async (connection) => {
      const facts = checkServer(this.#options, await connection.readVariables());
      await this.#testDigests(connection);
      this.#isOpen = true;
      return facts;
    });
  }

  async read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    this.#mustBeOpen();
    return this.#reads.lend((connection) => this.#inTime(connection, this.#deadline(), () => work(connection)));
  }

  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    this.#mustBeOpen();
    const deadline = this.#deadline();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#writes.lend((connection) => this.#attempt(connection, deadline, work));
      } catch (error) {
        if (!isConflict(error) || attempt === attemptsMax || performance.now() >= deadline) throw error;
      }
      const delayMs = Math.random() * pauseMs * 2 ** (attempt - 1);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }

  /** On a connection of its own, which has more time than others. */
  async define(statements: readonly string[]): Promise<void> {
    this.#mustBeOpen();
    const connection = await this.#connect("read", { ...this.#options, queryTimeoutMs: definitionTimeoutMs });
    try {
      await defineTables(connection, statements);
    } finally {
      await connection.close();
    }
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await Promise.all([this.#reads.close("it is closed"), this.#writes.close("it is closed")]);
  }

  // --- Internal helpers ---

  async #attempt<T>(connection: MysqlConnection, deadline: number, work: (session: Session) => Promise<T>): Promise<T> {
    const statements = new Statements(this.#options.name, connection);
    let isCommitting = false;
    try {
      return await this.#inTime(connection, deadline, async () => {
        const result = await work(statements);
        await statements.end();
        isCommitting = true;
        await connection.finish("COMMIT");
        return result;
      });
    } catch (error) {
      statements.close();
      if (isCommitting && !isCommitRefused(error)) {
        connection.destroy("the answer to COMMIT was lost");
        throw mysqlError(this.#options, error).with({ outcome: "unknown" });
      }
      await rollBack(connection);
      throw statements.firstError ?? error;
    }
  }

  /** Destroys the connection at `deadline`, which fails every statement under way; also ends `work` when it is lost. */
  async #inTime<T>(connection: MysqlConnection, deadline: number, work: () => Promise<T>): Promise<T> {
    const reason = `not done within ${callTimeoutFactor * this.#options.queryTimeoutMs} ms`;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => {
        connection.destroy(reason);
        reject(new PartitionError("unreachable", this.#options.name, reason));
      },
      Math.max(0, deadline - performance.now()),
    );
    try {
      return await Promise.race([work(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #connect(use: "read" | "write", options = this.#options): Promise<MysqlConnection> {
    const { hosts } = options;
    let failure: unknown;
    for (let turn = 0; turn < hosts.length; turn++) {
      const index = (this.#host + turn) % hosts.length;
      try {
        const connection = await MysqlConnection.open(options, hosts[index]!, use);
        this.#host = index;
        return connection;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** Digests are XORs of integers: an engine that answers wrongly (as MariaDB does for bytes) must not serve. */
  async #testDigests(connection: MysqlConnection): Promise<void> {
    const sql = "SELECT BIT_XOR(CAST(x AS UNSIGNED)) FROM (SELECT ? AS x UNION ALL SELECT ?) AS numbers";
    const [row] = await connection.execute(sql, [2n ** 62n + 5n, 3n]);
    if (row?.[0] === 2n ** 62n + 6n) return;
    throw new PartitionError("refused", this.#options.name, "BIT_XOR gives a wrong result; use MySQL 8 or MariaDB");
  }

  #deadline(): number {
    return performance.now() + callTimeoutFactor * this.#options.queryTimeoutMs;
  }

  #mustBeOpen(): void {
    if (!this.#isOpen) throw new PartitionError("unreachable", this.#options.name, "it is not open");
  }
}

async function rollBack(connection: MysqlConnection): Promise<void> {
  if (connection.isLost) return;
  try {
    await connection.finish("ROLLBACK");
  } catch {
    connection.destroy("ROLLBACK failed");
  }
}

/** The statements of one attempt at a transaction, whether or not its work waits for them. */
class Statements implements Session {
  readonly #name: string;
  readonly #connection: MysqlConnection;
  readonly #sent: Promise<unknown>[] = [];
  #isOver = false;
  /** What failed first is the reason why the others did. */
  firstError: unknown;

  constructor(name: string, connection: MysqlConnection) {
    this.#name = name;
    this.#connection = connection;
  }

  execute(sql: string, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    if (this.#isOver) return Promise.reject(new PartitionError("rejected", this.#name, "the transaction is over"));
    const rows = this.#connection.execute(sql, parameters);
    this.#sent.push(rows);
    rows.catch((error) => {
      this.firstError ??= error;
    });
    return rows;
  }

  /** Resolves when every statement has succeeded. */
  async end(): Promise<void> {
    for (let done = 0; done < this.#sent.length; done++) await this.#sent[done];
    this.close();
  }

  close(): void {
    this.#isOver = true;
  }
}
