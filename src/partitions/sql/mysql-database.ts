import { PartitionError } from "../../partition.ts";
import type { Database, EngineFacts, Parameter, Row, Session } from "./database.ts";
import { checkServer } from "./mysql-checks.ts";
import { MysqlConnection } from "./mysql-connection.ts";
import { defineTables, definitionTimeoutMs } from "./mysql-definitions.ts";
import { isCommitRefused, isConflict, mysqlError } from "./mysql-errors.ts";
import { type Host, MysqlHosts } from "./mysql-hosts.ts";
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
 *
 * With several hosts, the members of a cluster, a call whose host is lost goes on at the next one, unless it was
 * committing.
 */
export class MysqlDatabase implements Database {
  readonly dialect = "mysql";
  readonly #options: MysqlOptions;
  readonly #reads: MysqlLanes;
  readonly #writes: MysqlLanes;
  readonly #hosts: MysqlHosts;
  #isOpen = false;

  constructor(options: MysqlOptions) {
    this.#options = options;
    const { name, hosts, readConnections, writeConnections, queryTimeoutMs } = options;
    this.#hosts = new MysqlHosts(hosts);
    const lanes = (use: "read" | "write", size: number) =>
      new MysqlLanes(
        name,
        size,
        queryTimeoutMs,
        () => this.#connect(use),
        ({ host }) => this.#hosts.isCurrent(host),
      );
    this.#reads = lanes("read", readConnections);
    this.#writes = lanes("write", writeConnections);
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
    const deadline = this.#deadline();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#lend(this.#reads, (connection) =>
          this.#inTime(connection, deadline, () => work(connection)),
        );
      } catch (error) {
        if (!this.#mayMove(error, attempt, deadline)) throw error;
      }
    }
  }

  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    this.#mustBeOpen();
    const deadline = this.#deadline();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#lend(this.#writes, (connection) => this.#attempt(connection, deadline, work));
      } catch (error) {
        if (this.#mayMove(error, attempt, deadline)) continue;
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

  async fence(look: (session: Session) => Promise<unknown>): Promise<void> {
    this.#mustBeOpen();
    // Of other clusters one server takes the writes, as in none.
    if ((await this.#reads.lend(async (connection) => connection.clusterSize)) === 0) return;
    const visits = await Promise.allSettled(this.#hosts.all.map((host) => this.#visit(host, look)));
    const sizes = visits.flatMap((visit) => (visit.status === "fulfilled" ? [visit.value] : []));
    const size = Math.max(1, ...sizes);
    // A member that is not counted is out of the cluster, and receives everything before it takes a write again.
    if (sizes.length >= size) return;
    const message = `${sizes.length} of the ${size} members of its cluster could be asked; name all of them in its url`;
    throw new PartitionError("overloaded", this.#options.name, message);
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
    let isDone = false;
    const giveUp = () => {
      if (isDone) return;
      connection.destroy(reason);
      reject(new PartitionError("unreachable", this.#options.name, reason));
    };
    // What is here already is read first.
    const timer = setTimeout(() => setImmediate(giveUp), Math.max(0, deadline - performance.now()));
    try {
      return await Promise.race([work(), late]);
    } finally {
      isDone = true;
      clearTimeout(timer);
    }
  }

  #connect(use: "read" | "write", options = this.#options): Promise<MysqlConnection> {
    return this.#hosts.connect((host) => MysqlConnection.open(options, host, use));
  }

  /** A connection that is lost while it is lent takes its host out of use. */
  #lend<T>(lanes: MysqlLanes, use: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    this.#hosts.returnSoon((host) => this.#visit(host).then(() => undefined));
    return lanes.lend(async (connection) => {
      try {
        return await use(connection);
      } finally {
        if (connection.isLost) this.#hosts.leave(connection.host);
      }
    });
  }

  /** Whether a call that failed is to be tried at another host. */
  #mayMove(error: unknown, attempt: number, deadline: number): boolean {
    if (!this.#hosts.hasOthers || !this.#isOpen) return false;
    const isLost = error instanceof PartitionError && error.kind === "unreachable" && error.outcome !== "unknown";
    return isLost && attempt <= this.#hosts.all.length && performance.now() < deadline;
  }

  /** Connects to `host`, whatever is in use, and looks there. Gives the size of its cluster. */
  async #visit(host: Host, look?: (session: Session) => Promise<unknown>): Promise<number> {
    const connection = await MysqlConnection.open(this.#options, host, "read");
    try {
      await look?.(connection);
      return connection.clusterSize;
    } finally {
      void connection.close();
    }
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
