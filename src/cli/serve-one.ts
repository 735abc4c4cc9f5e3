import type { Config } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { createServer } from "../http/server.ts";
import type { Logger } from "../log.ts";
import { openStore } from "../open-store.ts";
import type { Store } from "../store.ts";
import { watchTokens } from "./token-watch.ts";

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** Says that it is not ready any more, and goes on answering. */
  leave(): void;
  /** Lets the requests under way end, then closes the store. */
  stop(): Promise<void>;
}

/**
 * Opens the store and listens.
 *
 * @throws ConfigError or PartitionError when something has to be mended first.
 */
export async function startServer(config: Config, logger: Logger, reload: () => Config): Promise<RunningServer> {
  const store = await openStore(config, logger, { isSyncing: true, reload });
  try {
    await store.tokens.start();
    checkDoor(config, store);
    const server = createServer(store, config.server, logger);
    const { host, port } = await server.listen();
    const unwatch = config.file === undefined ? () => {} : watchTokens(config.file, store.tokens, logger);
    const stop = () => server.stop().finally(() => store.close());
    return {
      host,
      port,
      leave: () => server.leave(),
      stop: () => {
        unwatch();
        return stop();
      },
    };
  } catch (error) {
    await closeQuietly(store);
    throw explain(error, config);
  }
}

/** While no partition can be asked it is not known, and the server answers nothing that needs a token. */
function checkDoor({ server }: Config, store: Store): void {
  if (!server.requireTokens || store.tokens.state !== "none") return;
  throw new ConfigError(
    `other machines can reach ${server.host}, and nobody needs a token; run kvasir token create, or say --insecure`,
  );
}

async function closeQuietly(store: Store): Promise<void> {
  // The error that led here matters more than one that follows from it.
  await store.close().catch(() => {});
}

/** What to do when the address cannot be had. */
const mends: { readonly [code: string]: string } = {
  EADDRINUSE: "it is in use; stop what listens there, or give another one with --port",
  EACCES: "this user may not; give a port above 1023 with --port",
  EADDRNOTAVAIL: "this machine does not have that address; give another one with --host",
  ENOTFOUND: "there is no such host name; give an address with --host",
};

function explain(error: unknown, { server }: Config): unknown {
  const mend = mends[(error as NodeJS.ErrnoException).code ?? ""];
  return mend === undefined ? error : new ConfigError(`cannot listen on ${server.host} port ${server.port}: ${mend}`);
}
