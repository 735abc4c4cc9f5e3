import { exitCodes } from "./failure.ts";
import { type Client, refusal } from "./http.ts";

/** Prints the server's state; the exit code says whether all of it is ready. */
export async function status(client: Client, options: { json?: boolean }): Promise<number> {
  const accept = options.json ? "application/json" : "text/plain";
  const response = await client.request("/status", { headers: { Accept: accept } });
  if (!response.ok) throw await refusal("status", response);
  const text = await response.text();
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  const isReady = options.json ? (JSON.parse(text) as { ready: boolean }).ready : /^state +ready$/m.test(text);
  return isReady ? exitCodes.done : exitCodes.notAllDone;
}
