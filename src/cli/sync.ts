import { type ConfigSources, loadConfig } from "../config.ts";
import { createLogger } from "../log.ts";
import { openStore } from "../open-store.ts";
import type { SyncReport } from "../sync/loop.ts";
import { exitCodes } from "./failure.ts";
import { startProgress } from "./terminal/progress.ts";

export interface SyncOptions {
  /** How often, in ms; `undefined` for once. */
  readonly everyMs: number | undefined;
  readonly partition: string | undefined;
  readonly json: boolean;
}

/** Delivers, compares, mends and purges once, or now and then until it is stopped. */
export async function sync(sources: ConfigSources, { everyMs, partition, json }: SyncOptions): Promise<number> {
  const config = loadConfig(sources);
  const store = await openStore(config, createLogger("warn"), {
    isSyncing: false,
    reload: () => loadConfig(sources),
  });
  let isStopped = false;
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"]) {
      process.once(signal, () => {
        isStopped = true;
        resolve();
      });
    }
  });
  try {
    store.sync.checkPartition(partition);
    for (;;) {
      const progress = startProgress({ what: "synchronising", unit: "percent", total: 100 });
      const report = await store.sync
        .once({
          only: partition,
          isLast: everyMs === undefined,
          isStopped: () => isStopped,
          onProgress: (part) => progress.update(part * 100),
        })
        .finally(progress.stop);
      process.stdout.write(`${json ? JSON.stringify(report) : summary(report)}\n`);
      if (everyMs === undefined) return isDone(report) ? exitCodes.done : exitCodes.notAllDone;
      await Promise.race([new Promise((resolve) => setTimeout(resolve, everyMs)), stopped]);
      if (isStopped) return exitCodes.done;
    }
  } finally {
    await store.close();
  }
}

function isDone({ owed, away }: SyncReport): boolean {
  return owed === 0 && away.length === 0;
}

function summary({ delivered, owed, setAside, away, lost, pass, purge, removed }: SyncReport): string {
  const parts = [`${delivered} delivered`, `${owed} still owed`];
  if (setAside.length > 0) parts.push(`${setAside.length} refused (${setAside[0]!.key}: ${setAside[0]!.reason})`);
  if (pass !== undefined) {
    parts.push(`${pass.records} records compared`, `${pass.differing} differing`, `${pass.mended} mended`);
    if (pass.damaged.length > 0) parts.push(`${pass.damaged.length} damaged; run kvasir check --deep --repair`);
  }
  if (purge !== undefined) parts.push(purge.blocked === "" ? `${purge.purged} purged` : `no purge: ${purge.blocked}`);
  if (removed > 0) parts.push(`${removed} removed that moved away`);
  if (away.length > 0) parts.push(`away: ${away.join("; ")}`);
  if (lost.length > 0) parts.push(`lost on the way: ${lost.join("; ")}`);
  return parts.join(", ");
}
