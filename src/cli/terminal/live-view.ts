import { setTimeout as sleep } from "node:timers/promises";
import { cutTo } from "./table.ts";

const enter = "\x1b[?1049h\x1b[?25l";
const leave = "\x1b[?25h\x1b[?1049l";

/**
 * Shows `lines` again and again until SIGINT, SIGTERM or the end of stdout. A terminal is drawn over, on a screen of
 * its own that is gone afterwards; elsewhere each time is a block with an empty line behind it. `lines` shall give up
 * when its signal says so.
 */
export async function watch(intervalMs: number, lines: (signal: AbortSignal) => Promise<string[]>): Promise<void> {
  const { stdout } = process;
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  stdout.once("close", stop);
  const isLive = stdout.isTTY === true;
  if (isLive) stdout.write(enter);
  try {
    while (!stopping.signal.aborted) {
      const shown = await lines(stopping.signal);
      if (stopping.signal.aborted) break;
      stdout.write(isLive ? screen(shown, stdout.rows || 24) : `${shown.join("\n")}\n\n`);
      await sleep(intervalMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  } finally {
    if (isLive) stdout.write(leave);
    stdout.off("close", stop);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, stop);
  }
}

/** Each line over the old one, and nothing of the old ones below: no flicker. What does not fit is left out. */
function screen(lines: readonly string[], rows: number): string {
  const fitting = lines.length < rows ? lines : [...lines.slice(0, rows - 2), cutTo(`… ${lines.length} lines`, 40)];
  return `\x1b[H${fitting.map((line) => `${line}\x1b[K\r\n`).join("")}\x1b[J`;
}
