import { type ConfigSources, loadConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { createLogger } from "../log.ts";
import { openStore } from "../open-store.ts";
import { exitCodes } from "./failure.ts";

/** Deletes every key of the test databases. It opens them itself: a server might not be in test mode. */
export async function wipe(sources: ConfigSources): Promise<number> {
  const config = loadConfig(sources);
  if (!config.isTest) throw new ConfigError("wipe: only with KVASIR_ENV=test");
  const store = await openStore(config, createLogger());
  try {
    let deleted = 0;
    let after: string | undefined;
    do {
      const page = await store.list({ prefix: "", isReverse: false, limit: 1000, withValues: false, after });
      await Promise.all(page.records.map(({ key }) => store.delete(key)));
      deleted += page.records.length;
      after = page.next;
    } while (after !== undefined);
    process.stdout.write(`deleted ${deleted} keys\n`);
  } finally {
    await store.close();
  }
  return exitCodes.done;
}
