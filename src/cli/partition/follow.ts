import { isDeepStrictEqual } from "node:util";
import type { Store } from "../../store.ts";
import { describeChange } from "../../topology/topology.ts";
import { startProgress } from "../terminal/progress.ts";

const redrawMs = 100;
/** Between two looks at a change that waits for something. */
const waitMs = 1000;

/** How a change ended, or that it goes on without the command. */
export type Ending = "done" | "cancelled" | "goes on";

/**
 * Carries the change under way through, as front ends do beside it, and shows how far it is. Ends when the change is
 * done, when somebody else cancels it, or when a signal comes: then it goes on all the same.
 */
export async function follow(store: Store): Promise<Ending> {
  const { change } = store.topology.current();
  let isStopped = false;
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"]) {
      process.once(signal, () => {
        isStopped = true;
        resolve();
      });
    }
  });
  const progress = startProgress({ what: describeChange(store.topology.current()), unit: "percent", total: 100 });
  let waitsFor = "";
  const timer = setInterval(() => {
    const status = store.topology.status();
    progress.update((status.progress ?? 1) * 100);
    if (status.waitsFor !== "" && status.waitsFor !== waitsFor) progress.print(`waits for ${status.waitsFor}`);
    waitsFor = status.waitsFor;
  }, redrawMs);
  try {
    while (!isStopped) {
      await Promise.race([store.sync.changeTopology(), stopped]);
      const current = store.topology.current();
      if (current.change === undefined) {
        const isReached = isDeepStrictEqual(current.members, change?.members) && current.replicas === change?.replicas;
        return isReached ? "done" : "cancelled";
      }
      await Promise.race([new Promise((resolve) => setTimeout(resolve, waitMs)), stopped]);
      if (!isStopped) await store.topology.refresh();
    }
    return "goes on";
  } finally {
    clearInterval(timer);
    progress.stop();
  }
}
