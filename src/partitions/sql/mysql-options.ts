/** Where a MySQL or MariaDB database is and how it is spoken to. Every field is given: defaults live in config. */
export interface MysqlOptions {
  /** The partition's name, for errors. */
  readonly name: string;
  /** Tried in turn, the one that answered last first. More than one: the members of a cluster. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** PEM texts. With `verify` the certificate must be valid and made out for the host. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly verify: boolean };
  /** A Unix socket, used in place of `hosts`. */
  readonly socketPath?: string;
  /** For one host, until the session is set up. */
  readonly connectTimeoutMs: number;
  /** For one statement. A whole transaction gets {@link callTimeoutFactor} times as much. */
  readonly queryTimeoutMs: number;
  readonly readConnections: number;
  readonly writeConnections: number;
  /** Refuses a server that may lose acknowledged commits in a crash. */
  readonly strictDurability: boolean;
}

/** All statements of one `read` or `transaction`, its retries included, get this many times `queryTimeoutMs`. */
export const callTimeoutFactor = 4;
