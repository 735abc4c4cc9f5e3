import { type ConfigSources, loadConfig } from "../config.ts";
import { createLogger } from "../log.ts";
import { openStore } from "../open-store.ts";
import type { PassResult } from "../sync/anti-entropy.ts";
import type { ScrubResult } from "../sync/scrub.ts";
import { exitCodes } from "./failure.ts";
import { startProgress } from "./terminal/progress.ts";

export interface CheckOptions {
  readonly isRepair: boolean;
  /** Also reads every value and checks it against its fingerprints. */
  readonly isDeep: boolean;
  readonly json: boolean;
}

/** Compares all replicas, and says or mends what differs. Exit code 1 when something is not as it should be. */
export async function check(sources: ConfigSources, { isRepair, isDeep, json }: CheckOptions): Promise<number> {
  const config = loadConfig(sources);
  const store = await openStore(config, createLogger("warn"), { isSyncing: false });
  try {
    const progress = startProgress({ what: "checking", unit: "percent", total: 100 });
    const scrubbed = isDeep ? await store.sync.scrub({ isRepair }) : nothingScrubbed;
    const pass = await store.sync
      .compare({ isRepair, onProgress: (part) => progress.update(part * 100) })
      .finally(progress.stop);
    if (json)
      process.stdout.write(`${JSON.stringify({ ...pass, scrubbed: scrubbed.damaged, unread: scrubbed.missing })}\n`);
    else for (const line of lines(pass, scrubbed)) process.stdout.write(`${line}\n`);
    return isSound(pass, scrubbed, isRepair) ? exitCodes.done : exitCodes.notAllDone;
  } finally {
    await store.close();
  }
}

const nothingScrubbed: ScrubResult = { damaged: [], missing: [] };

function isSound(pass: PassResult, { damaged, missing }: ScrubResult, isRepair: boolean): boolean {
  const areMended = missing.length === 0 && damaged.every(({ isMended }) => isMended);
  const areEqual = pass.differing === 0 || (isRepair && pass.mended + pass.ghosts >= pass.differing);
  return areEqual && areMended && pass.damaged.length === 0 && pass.missing.length === 0;
}

function lines(pass: PassResult, { damaged, missing: unread }: ScrubResult): string[] {
  const { records, differing, mended, ghosts, missing, tookMs } = pass;
  return [
    ...damaged.map(
      ({ partition, key, isMended }) => `damaged: ${JSON.stringify(key)} on ${partition}${isMended ? ", mended" : ""}`,
    ),
    ...pass.damaged.map(
      (key) => `differs with the same version: ${JSON.stringify(key)}; run kvasir check --deep --repair`,
    ),
    ...unread.map((partition) => `not read: ${partition}`),
    ...missing.map((partition) => `not compared: ${partition}`),
    `${records} records, ${differing} differing, ${mended} mended, ${ghosts} ghosts removed, ${damaged.length} damaged, in ${Math.round(tookMs)} ms`,
  ];
}
