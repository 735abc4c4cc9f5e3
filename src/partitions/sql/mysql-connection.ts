import { connect as connectSocket, isIP, type Socket } from "node:net";
import { checkServerIdentity } from "node:tls";
import type { Connection, ConnectionConfig, Prepare } from "mariadb";
import { PartitionError } from "../../partition.ts";
import type { Parameter, Row } from "./database.ts";
import { type Answer, driverParameter, rowsOf } from "./mysql-cells.ts";
import { checkSession, sqlModes, type Variables, variablesQuery } from "./mysql-checks.ts";
import {
  checkGalera,
  checkMember,
  galeraCheck,
  galeraSettings,
  galeraSize,
  galeraState,
  isGaleraMember,
} from "./mysql-cluster.ts";
import { isFatal, mysqlError } from "./mysql-errors.ts";
import type { Host } from "./mysql-hosts.ts";
import type { MysqlOptions } from "./mysql-options.ts";

/** Statements kept prepared on one connection; the one used longest ago is closed. The statements in use are ~100. */
const preparedMax = 256;
/** A packet holds a little more than the parameters. */
const packetMarginBytes = 16 * 1024;
/** How long the server keeps an idle session, in seconds: its own setting may be a minute. */
const idleSessionSeconds = 8 * 3600;

/** `permitRedirect` is missing in the connector's types. */
type DriverConfig = ConnectionConfig & { permitRedirect: boolean };

/**
 * One session on the server, over the `mariadb` connector.
 *
 * Every statement is answered, or refused, within `queryTimeoutMs`: then the connection is destroyed, since
 * nothing else ends a wait for a server that is frozen. (The connector's `socketTimeout` fires on idle sockets as
 * well, and its `destroy` first opens another connection to the same server for a KILL.)
 */
export class MysqlConnection {
  readonly host: Host;
  /** How many members with data the server's Galera cluster had when this was opened; 0 when it is in none. */
  clusterSize = 0;
  readonly #options: MysqlOptions;
  readonly #connector: Connection;
  readonly #socket: Socket;
  readonly #waiting = new Set<(error: PartitionError) => void>();
  readonly #prepared = new Map<string, Prepare>();
  /** Asked for, and not yet sent. */
  readonly #preparing = new Map<string, Promise<Prepare>>();
  /** Set while a statement is being prepared: those that come later wait, so that all are sent in order. */
  #sending: Promise<void> | undefined;
  #packetBytesMax = 2 ** 20;
  #isCorked = false;
  #isLost = false;

  /** Connects to `host` and sets the session up: two round trips after the server's own handshake. */
  static async open(options: MysqlOptions, host: Host, use: "read" | "write"): Promise<MysqlConnection> {
    // Imported here, so that a start with SQLite alone does not pay for it.
    const { createConnection } = await import("mariadb");
    let socket: Socket | undefined;
    const stream = () => {
      socket = options.socketPath === undefined ? connectSocket(host) : connectSocket({ path: options.socketPath });
      return socket.setNoDelay(true).setKeepAlive(true, 30_000);
    };
    let connector: Connection;
    try {
      connector = await createConnection({ ...connectorConfig(options, host), stream });
    } catch (error) {
      socket?.destroy();
      throw mysqlError(options, error);
    }
    const connection = new MysqlConnection(options, host, connector, socket!);
    try {
      await connection.#setUp(use);
      return connection;
    } catch (error) {
      connection.destroy("its session could not be set up");
      throw error;
    }
  }

  private constructor(options: MysqlOptions, host: Host, connector: Connection, socket: Socket) {
    this.#options = options;
    this.host = host;
    this.#connector = connector;
    this.#socket = socket;
    // Without a listener an idle connection that the server closes would end the process.
    connector.on("error", (error) => this.#lose(mysqlError(options, error)));
    connector.on("end", () => this.#lose(this.#unreachable("it closed the connection")));
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Runs a statement through a prepared one. Calls may overlap: they are sent, and answered, in their order. */
  execute(sql: string, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    const rows = this.#inOrder(sql, parameters);
    // The failure of a statement that nobody waits for, because one before it failed, must not end the process.
    rows.catch(() => {});
    return rows;
  }

  /** Sends COMMIT or ROLLBACK, always: the connector's own methods skip them when they believe it needless. */
  async finish(sql: "COMMIT" | "ROLLBACK"): Promise<void> {
    await this.#sending;
    await this.#answer(this.#connector.query(sql));
  }

  async readVariables(timeoutMs = this.#options.queryTimeoutMs): Promise<Variables> {
    const variables = await this.#show(variablesQuery, timeoutMs);
    this.#packetBytesMax = Number(variables.get("max_allowed_packet") ?? this.#packetBytesMax);
    return variables;
  }

  /** What is under way fails at once with `reason`. The server rolls back what was not committed. */
  destroy(reason: string): void {
    this.#lose(this.#unreachable(reason));
  }

  /** Says goodbye to the server. */
  async close(): Promise<void> {
    if (this.#isLost) return;
    const goodbye = this.#connector.end().catch(() => {});
    await Promise.race([goodbye, new Promise((resolve) => setTimeout(resolve, 200).unref())]);
    this.destroy("it is closed");
  }

  // --- Internal helpers ---

  async #setUp(use: "read" | "write"): Promise<void> {
    const { queryTimeoutMs, connectTimeoutMs } = this.#options;
    const isMariadb = this.#connector.info?.isMariaDB() === true;
    const settings = [
      `SESSION sql_mode = '${sqlModes.join(",")}'`,
      // Half of the time for a statement, so that a lock timeout comes as an answer and not as a lost connection.
      `SESSION innodb_lock_wait_timeout = ${Math.max(1, Math.floor(queryTimeoutMs / 2000))}`,
      `SESSION wait_timeout = ${idleSessionSeconds}`,
      // The server ends a SELECT whose reader has given up. A transaction ends by itself when its socket closes.
      ...(use === "read" && isMariadb ? [`SESSION max_statement_time = ${queryTimeoutMs / 1000}`] : []),
      ...(use === "read" && !isMariadb ? [`SESSION max_execution_time = ${queryTimeoutMs}`] : []),
      // For the life of the connection: no BEGIN to send, and what follows a deadlock is never committed by itself.
      `SESSION autocommit = ${use === "read" ? 1 : 0}`,
    ];
    const statements = [
      "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
      "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
      `SET ${settings.join(", ")}`,
    ];
    const answers = statements.map((sql) => this.#answer(this.#connector.query(sql), connectTimeoutMs));
    const [variables] = await Promise.all([this.readVariables(connectTimeoutMs), ...answers]);
    checkSession(this.#options, variables, use === "read" ? "ON" : "OFF");
    checkMember(this.#options, this.host, variables);
    if (isGaleraMember(variables)) await this.#setUpGalera();
  }

  async #setUpGalera(): Promise<void> {
    const { connectTimeoutMs } = this.#options;
    const [, state, session] = await Promise.all([
      this.#answer(this.#connector.query(galeraSettings), connectTimeoutMs),
      this.#show(galeraState, connectTimeoutMs),
      this.#show(galeraCheck, connectTimeoutMs),
    ]);
    checkGalera(this.#options, this.host, state, session);
    this.clusterSize = galeraSize(state);
  }

  async #show(sql: string, timeoutMs: number): Promise<Variables> {
    const [rows] = await this.#answer(this.#connector.query<Answer>(sql), timeoutMs);
    return new Map((rows as unknown[][]).map(([name, value]) => [String(name), String(value)]));
  }

  #inOrder(sql: string, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    const tooLarge = this.#tooLarge(sql, parameters);
    if (tooLarge !== undefined) return Promise.reject(tooLarge);
    const prepared = this.#prepared.get(sql);
    if (prepared !== undefined && this.#sending === undefined) return this.#send(prepared, parameters);
    // Ahead of the statements that wait, so that however many are new at once, they cost one round trip more.
    if (prepared === undefined) void this.#prepare(sql);
    const sent = (this.#sending ?? Promise.resolve()).then(async () => {
      const ready = await this.#ready(sql);
      return { rows: this.#send(ready, parameters) };
    });
    const done = sent.then(
      () => {},
      () => {},
    );
    this.#sending = done;
    void done.then(() => {
      if (this.#sending === done) this.#sending = undefined;
    });
    return sent.then(({ rows }) => rows);
  }

  /** Kept from its turn on, so that none is closed before it was sent. */
  async #ready(sql: string): Promise<Prepare> {
    const present = this.#prepared.get(sql);
    if (present !== undefined) return present;
    const prepared = await this.#prepare(sql).finally(() => this.#preparing.delete(sql));
    this.#prepared.set(sql, prepared);
    if (this.#prepared.size > preparedMax) {
      const [oldest, statement] = this.#prepared.entries().next().value!;
      this.#prepared.delete(oldest);
      statement.close();
    }
    return prepared;
  }

  #prepare(sql: string): Promise<Prepare> {
    const present = this.#preparing.get(sql);
    if (present !== undefined) return present;
    this.#cork();
    const preparing = this.#answer(this.#connector.prepare(sql));
    // Its turn meets the failure.
    preparing.catch(() => {});
    this.#preparing.set(sql, preparing);
    return preparing;
  }

  async #send(prepared: Prepare, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    this.#cork();
    return rowsOf(await this.#answer(prepared.execute<Answer>(parameters.map(driverParameter))));
  }

  /** What is sent in one turn leaves in one system call: a transaction's statements come in handfuls. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.#socket.uncork();
    });
  }

  /** The connector's answer, or a PartitionError: also when the connection is lost or the time is up. */
  #answer<T>(answer: Promise<T>, timeoutMs = this.#options.queryTimeoutMs): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: PartitionError) => {
        clearTimeout(timer);
        this.#waiting.delete(fail);
        reject(error);
      };
      const giveUp = () => {
        if (this.#waiting.has(fail)) this.destroy(`no answer within ${timeoutMs} ms`);
      };
      // When this process was kept from running, the answer may be here: it is read before it is missed. Else a busy
      // machine would take its partitions for lost.
      const timer = setTimeout(() => setImmediate(giveUp), timeoutMs);
      this.#waiting.add(fail);
      answer.then(
        (value) => {
          clearTimeout(timer);
          this.#waiting.delete(fail);
          resolve(value);
        },
        (error) => {
          const failure = mysqlError(this.#options, error);
          fail(failure);
          if (isFatal(error)) this.#lose(failure);
        },
      );
      if (this.#isLost) fail(this.#unreachable("the connection was lost"));
    });
  }

  #lose(error: PartitionError): void {
    if (this.#isLost) return;
    this.#isLost = true;
    for (const fail of [...this.#waiting]) fail(error);
    this.#prepared.clear();
    this.#socket.destroy(new Error("destroyed"));
  }

  /** A server answers a packet that is too large by closing the connection, while it is still being sent. */
  #tooLarge(sql: string, parameters: readonly Parameter[]): PartitionError | undefined {
    const budget = this.#packetBytesMax - packetMarginBytes;
    // No text has more than three bytes a unit: nearly always that is enough to know, and saves counting.
    if (sql.length + packetBytes(parameters, (text) => 3 * text.length) <= budget) return undefined;
    const bytes = sql.length + packetBytes(parameters, Buffer.byteLength);
    if (bytes <= budget) return undefined;
    const message = `a statement of ${bytes} bytes is above its max_allowed_packet of ${this.#packetBytesMax}`;
    return new PartitionError("rejected", this.#options.name, `${message}; raise that on the server`);
  }

  #unreachable(reason: string): PartitionError {
    return new PartitionError("unreachable", this.#options.name, reason);
  }
}

function packetBytes(parameters: readonly Parameter[], bytesOf: (text: string) => number): number {
  let bytes = 0;
  for (const parameter of parameters) {
    if (typeof parameter === "string") bytes += bytesOf(parameter);
    else bytes += typeof parameter === "object" ? parameter.byteLength : 8;
  }
  return bytes;
}

function connectorConfig(options: MysqlOptions, { host, port }: Host): DriverConfig {
  const isLocal = options.socketPath !== undefined || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host);
  return {
    host,
    port,
    user: options.user,
    password: options.password,
    database: options.database,
    connectTimeout: options.connectTimeoutMs,
    ...(options.tls === undefined || options.socketPath !== undefined ? {} : { ssl: tlsConfig(options.tls, host) }),
    // MySQL 8 without TLS: only on this machine can nobody else hand out a key for the password.
    allowPublicKeyRetrieval: isLocal,
    permitRedirect: false,
    permitLocalInfile: false,
    multipleStatements: false,
    // utf8mb4 from the handshake on, which spares the connector a round trip.
    collation: "UTF8MB4_BIN",
    rowsAsArray: true,
    metaAsArray: true,
    // Statements are kept by this class: the connector's own cache sends out of order on MySQL.
    prepareCacheLength: 0,
    // The server's limit is the one that counts.
    maxAllowedPacket: 2 ** 30,
    // Values never go into the texts of errors.
    logParam: false,
    logger: { warning: () => {} },
  };
}

function tlsConfig({ ca, cert, key, verify }: NonNullable<MysqlOptions["tls"]>, host: string) {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    rejectUnauthorized: verify,
    // The connector would check the certificate of an IP address against "localhost".
    checkServerIdentity: (_name: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      verify ? checkServerIdentity(host, certificate) : undefined,
  };
}
