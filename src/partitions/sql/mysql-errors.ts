import { PartitionError, type PartitionErrorKind } from "../../partition.ts";
import type { MysqlOptions } from "./mysql-options.ts";

/** The parts of the connector's and of the socket's errors that are looked at. */
interface DriverError {
  readonly code?: string | null;
  readonly errno?: number;
  readonly fatal?: boolean;
  readonly sqlMessage?: string | null;
  readonly message?: string;
}

/** `mend` follows the server's own words; `{user}` and `{database}` are filled in. */
interface Meaning {
  readonly kind: PartitionErrorKind;
  readonly mend: string;
}

const denied: Meaning = { kind: "refused", mend: "check the user {user} and its password" };
const noGrant: Meaning = { kind: "refused", mend: "GRANT the user {user} its rights on the database {database}" };
const noTable: Meaning = { kind: "uninitialised", mend: "run `kvasir init`" };
const noDatabase: Meaning = { kind: "uninitialised", mend: "create the database {database}, then run `kvasir init`" };
const full: Meaning = { kind: "full", mend: "make room on the server's disk" };
/** A primary that became a replica: another partition can take the write. At `open` it is refused by its settings. */
const readOnly: Meaning = { kind: "unreachable", mend: "it takes no writes now" };
const away: Meaning = { kind: "unreachable", mend: "" };
const busy: Meaning = { kind: "overloaded", mend: "try again" };
const untrusted: Meaning = { kind: "refused", mend: "check the server's certificate and the partition's tls settings" };
const tooLarge: Meaning = { kind: "rejected", mend: "raise max_allowed_packet on the server" };

/** The numbers that MySQL and MariaDB share, and from 45000 the connector's own. */
const meanings: { readonly [errno: number]: Meaning } = {
  1021: full, // disk full
  1040: away, // too many connections
  1044: noGrant,
  1045: denied,
  1047: { kind: "unreachable", mend: "it is no member of its cluster's primary component now" },
  1049: noDatabase,
  1053: away, // shutting down
  1114: full, // the table is full
  1130: { kind: "refused", mend: "allow the user {user} to connect from this machine" },
  1142: noGrant,
  1143: noGrant,
  1146: noTable,
  1153: tooLarge,
  1203: away, // max_user_connections
  1205: busy, // lock wait timeout
  1213: busy, // deadlock
  1226: away, // a limit of the account
  1227: noGrant,
  1243: away, // prepared statement lost, by a proxy that moved the session
  1290: readOnly,
  1317: away, // interrupted by KILL QUERY
  1412: busy, // the table was changed since the transaction began
  1461: { kind: "overloaded", mend: "raise max_prepared_stmt_count on the server" },
  1615: busy, // the table was changed again while a statement was prepared anew
  1698: denied,
  1792: readOnly,
  1836: readOnly,
  1927: away, // killed
  1969: away, // max_statement_time
  3024: away, // max_execution_time
  3101: busy, // Group Replication's "somebody else committed first"
  9007: busy, // TiDB's
  45023: untrusted, // the server has no TLS
  45044: { kind: "refused", mend: "set tls: without it the password would be given to whoever answers" },
};

const codeMends: { readonly [code: string]: string } = {
  ECONNREFUSED: "start the server there, or check host and port",
  ENOENT: "start the server, or check the path of its socket",
  ENOTFOUND: "check the host name",
};

const tlsCode =
  /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|HOSTNAME_|ER_SELF_SIGNED|ER_TLS_IDENTITY)/;

/** What the driver threw, as the error that a partition throws. The password is in none of the texts. */
export function mysqlError(options: MysqlOptions, error: unknown): PartitionError {
  if (error instanceof PartitionError) return error;
  const driverError = error as DriverError;
  const { kind, mend } = meaningOf(driverError);
  const words = (driverError.sqlMessage || driverError.message || String(error)).split("\n", 1)[0] ?? "";
  const hint = mend.replace("{user}", options.user).replace("{database}", options.database);
  return new PartitionError(kind, options.name, hint === "" ? words : `${words}; ${hint}`, { cause: error });
}

function meaningOf({ code, errno = 0, fatal, sqlMessage, message }: DriverError): Meaning {
  const known = meanings[errno];
  if (known !== undefined) return known;
  if (/\b(errno|error):? 28\b|no space left/i.test(sqlMessage ?? "")) return full;
  if (code === "ER_MAX_ALLOWED_PACKET") return tooLarge;
  if (tlsCode.test(code ?? "") || /certificate/i.test(message ?? "")) return untrusted;
  if (isFromServer(errno) && fatal !== true) return { kind: "rejected", mend: "" };
  return { kind: "unreachable", mend: codeMends[code ?? ""] ?? "" };
}

/** A transaction that lost against another one. Galera says 1213 for that, at COMMIT as well. */
const lost = [1213, 3101, 9007];
/** The server is none to write to any more, or none at all. */
const useless = [1047, 1243, 1290, 1792, 1836];

/** A deadlock, a lock timeout, or a cluster's "somebody else committed first", a table that changed: worth another try. */
export function isConflict(error: unknown): boolean {
  if (!(error instanceof PartitionError) || error.outcome === "unknown") return false;
  const { errno = 0 } = (error.cause ?? {}) as DriverError;
  return lost.includes(errno) || [1205, 1412, 1615].includes(errno);
}

/**
 * Whether an error answer to COMMIT proves that nothing was committed. Most prove nothing: it may have been killed, and
 * a member that leaves its cluster then (1180 or 1047) does not know whether the others have received it.
 */
export function isCommitRefused(error: unknown): boolean {
  const { errno = 0 } = ((error as PartitionError).cause ?? {}) as DriverError;
  return lost.includes(errno);
}

/** Whether the connection is of no more use after this error of the driver. */
export function isFatal(error: unknown): boolean {
  const { fatal, errno = 0 } = error as DriverError;
  return fatal === true || useless.includes(errno);
}

function isFromServer(errno: number): boolean {
  return errno >= 1000 && errno < 5000;
}
