import { ConfigError } from "../errors.ts";
import { CommandFailure, exitCodes } from "./failure.ts";
import { type Client, refusal } from "./http.ts";
import { type StatusDocument, statusLines } from "./status-view.ts";
import { watch } from "./terminal/live-view.ts";
import { outputWidth } from "./terminal/table.ts";

interface StatusOptions {
  readonly json?: boolean;
  /** `true` for every second. */
  readonly watch?: string | true;
}

/** A live view shows that a server does not answer rather than wait longer. */
const answerTimeoutMs = 5000;

/** Prints the server's state, and with `watch` again and again. Once, the exit code says whether all of it is ready. */
export async function status(client: Client, options: StatusOptions): Promise<number> {
  const show = (document: StatusDocument) =>
    options.json ? [JSON.stringify(document)] : statusLines(document, outputWidth());
  if (options.watch === undefined) {
    const document = await ask(client);
    process.stdout.write(`${show(document).join("\n")}\n`);
    return document.ready ? exitCodes.done : exitCodes.notAllDone;
  }
  const intervalMs = parseInterval(options.watch);
  await watch(intervalMs, async (signal) => {
    const heading = options.json ? [] : [`${client.url}  ${new Date().toISOString()}`, ""];
    const limit = AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]);
    try {
      return [...heading, ...show(await ask(client, limit))];
    } catch (error) {
      // It may be starting again: the next time tells.
      if (!(error instanceof CommandFailure) && !limit.aborted) throw error;
      const problem = (error as Error).message;
      return options.json ? [JSON.stringify({ ready: false, problem })] : [...heading, problem];
    }
  });
  return exitCodes.done;
}

async function ask(client: Client, signal?: AbortSignal): Promise<StatusDocument> {
  const response = await client.request("/status", {
    headers: { Accept: "application/json" },
    ...(signal !== undefined && { signal }),
  });
  if (!response.ok) throw await refusal("status", response);
  return (await response.json()) as StatusDocument;
}

function parseInterval(seconds: string | true): number {
  if (seconds === true) return 1000;
  const value = /^[0-9]{1,4}(\.[0-9]+)?$/.test(seconds) ? Number(seconds) : 0;
  if (value >= 0.1 && value <= 3600) return value * 1000;
  throw new ConfigError(`--watch: expected seconds from 0.1 to 3600, got ${JSON.stringify(seconds)}`);
}
