import { type Config, type ConfigSources, loadConfig } from "../../config.ts";
import { ConfigError } from "../../errors.ts";
import { createLogger } from "../../log.ts";
import { openStore } from "../../open-store.ts";
import type { Store } from "../../store.ts";
import { planOf } from "../../topology/plan.ts";
import { begun, type ChangeRequest, describeChange } from "../../topology/topology.ts";
import { exitCodes } from "../failure.ts";
import { startProgress } from "../terminal/progress.ts";
import { outputWidth } from "../terminal/table.ts";
import { ask } from "./ask.ts";
import { type Ending, follow } from "./follow.ts";
import type { ChangeOptions } from "./options.ts";
import { planLines, rateOf } from "./plan-view.ts";

/**
 * Shows what the change means, asks, begins it, and follows it to its end. Exit code 1 when it is not begun, is cancelled by
 * another command or goes on without this one.
 */
export async function changeTopology(
  sources: ConfigSources,
  options: ChangeOptions,
  requestOf: (config: Config) => ChangeRequest,
): Promise<number> {
  return withStore(sources, async (store, config) => {
    const request = requestOf(config);
    await store.topology.refresh();
    await store.topology.found();
    // Says what is wrong with the request before anything is counted.
    const next = begun(store.topology.current(), request, "plan");
    const counting = startProgress({ what: "counting", unit: "records", total: undefined });
    const sizeOf = await store.sync
      .count({ lost: next.change?.lost, onProgress: counting.update })
      .finally(counting.stop);
    const plan = planOf(next, sizeOf);
    const rate = rateOf(request.keysPerSecond, await store.sync.fillingRate());
    const seconds = plan.keys / rate.keysPerSecond;
    const document = { change: describeChange(next), plan: { ...plan, ...rate, seconds } };
    if (!options.json) print(planLines(next, plan, rate, outputWidth()).join("\n"));
    if (options.dryRun) {
      if (options.json) print(JSON.stringify({ ...document, done: false }));
      return exitCodes.done;
    }
    const question = next.change?.lost === undefined ? "Go on?" : `Is ${next.change.lost} lost for good? Go on?`;
    if (!options.yes && !(await ask(question))) return exitCodes.notAllDone;
    await store.topology.begin(request);
    return showEnding(await follow(store), options.json ? document : undefined, doneLine(request));
  });
}

/** Ends a change that has not switched yet. */
export async function cancelChange(sources: ConfigSources, { json }: ChangeOptions): Promise<number> {
  return withStore(sources, async (store) => {
    const { epoch } = await store.topology.cancel();
    print(json ? JSON.stringify({ epoch, change: "" }) : "cancelled; what was brought already is deleted by and by");
    return exitCodes.done;
  });
}

/** A change by somebody else may have begun already, and is followed in the same way. */
export async function followChange(sources: ConfigSources, { json }: ChangeOptions): Promise<number> {
  return withStore(sources, async (store) => {
    await store.topology.refresh();
    const change = store.topology.status().change;
    const document = json ? { change } : undefined;
    if (change === "") return showEnding("done", document, "no change is under way");
    return showEnding(await follow(store), document, "done");
  });
}

/** @throws ConfigError when the configuration has no section of this name. */
export function sectionOf(config: Config, name: string) {
  const section = config.partitions.find((each) => each.name === name);
  if (section !== undefined) return section;
  const names = config.partitions.map((each) => each.name).join(", ");
  throw new ConfigError(`the configuration has no partition ${name} (it has ${names}); add a section with its url`);
}

const goesOn =
  "the change goes on: front ends and kvasir sync carry it through; kvasir partition follow shows how far it is";
const cancelled = "cancelled by another command; what was brought already is deleted by and by";

/** Gives the exit code. */
function showEnding(ending: Ending, document: object | undefined, done: string): number {
  const isDone = ending === "done";
  if (document !== undefined) print(JSON.stringify({ ...document, done: isDone }));
  else print(isDone ? done : ending === "cancelled" ? cancelled : goesOn);
  return isDone ? exitCodes.done : exitCodes.notAllDone;
}

function doneLine(request: ChangeRequest): string {
  const left = (name: string) =>
    `${name} has left the store: remove its section, lower partitions, and drop its database`;
  if (request.kind === "drain") return `done: ${left(request.name)}`;
  if (request.kind === "replace") return `done: ${request.by} has taken the place; ${left(request.name)}`;
  return "done";
}

export async function withStore<T>(
  sources: ConfigSources,
  work: (store: Store, config: Config) => Promise<T>,
): Promise<T> {
  const config = loadConfig(sources);
  for (const warning of config.warnings) process.stderr.write(`kvasir: ${warning}\n`);
  const store = await openStore(config, createLogger("warn"), { isSyncing: false });
  try {
    return await work(store, config);
  } finally {
    await store.close();
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
