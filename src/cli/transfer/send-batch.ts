import { setTimeout as sleep } from "node:timers/promises";
import { CommandFailure } from "../failure.ts";
import { type Client, refusal } from "../http.ts";
import type { PutOperation } from "./record-line.ts";

export interface NumberedPut {
  readonly line: number;
  readonly operation: PutOperation;
}

export interface BadLine {
  readonly line: number;
  readonly reason: string;
}

interface Result {
  readonly status: number;
  readonly code?: string;
  readonly detail?: string;
}

/** Waits between attempts double from the first to the last: about 25 s in all, a restart of the server. */
const attemptsMax = 8;
const firstDelayMs = 200;

/**
 * Stores `puts` and gives those that the server refuses for good. Those that may succeed later are sent again;
 * repeating a put does no harm.
 *
 * @throws CommandFailure when some could not be stored after several attempts.
 */
export async function sendBatch(client: Client, puts: readonly NumberedPut[]): Promise<readonly BadLine[]> {
  const bad: BadLine[] = [];
  let left = puts;
  for (let attempt = 1; left.length > 0; attempt++) {
    const problem = await attemptBatch(client, left, bad);
    left = problem.left;
    if (left.length === 0) break;
    if (attempt === attemptsMax) throw new CommandFailure(`line ${left[0]!.line}: not stored: ${problem.reason}`);
    await sleep(firstDelayMs * 2 ** (attempt - 1));
  }
  return bad;
}

interface Attempt {
  readonly left: readonly NumberedPut[];
  /** Why those are left. */
  readonly reason: string;
}

async function attemptBatch(client: Client, puts: readonly NumberedPut[], bad: BadLine[]): Promise<Attempt> {
  const response = await request(client, puts);
  if (response instanceof CommandFailure) return { left: puts, reason: response.message };
  if (!response.ok) {
    const failure = await refusal("import", response);
    if (isTemporary(response.status)) return { left: puts, reason: failure.message };
    if (puts.length === 1 && [400, 413].includes(response.status)) {
      bad.push({ line: puts[0]!.line, reason: failure.message });
      return { left: [], reason: "" };
    }
    throw failure;
  }
  const { results } = (await response.json()) as { results: readonly Result[] };
  const left: NumberedPut[] = [];
  let reason = "";
  for (const [index, put] of puts.entries()) {
    const {
      status,
      code = "",
      detail = "",
    } = results[index] ?? { status: 500, detail: "the server did not answer for it" };
    if (status < 300) continue;
    const text = `${JSON.stringify(put.operation.key)}: ${status} ${code}: ${detail}`;
    if (isTemporary(status)) {
      left.push(put);
      reason = text;
    } else {
      bad.push({ line: put.line, reason: text });
    }
  }
  return { left, reason };
}

async function request(client: Client, puts: readonly NumberedPut[]): Promise<Response | CommandFailure> {
  try {
    return await client.request("/batch", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(puts.map(({ operation }) => operation)),
    });
  } catch (error) {
    // No answer: the server may be starting again.
    if (error instanceof CommandFailure) return error;
    throw error;
  }
}

function isTemporary(status: number): boolean {
  return status === 408 || status === 503 || status === 504;
}
