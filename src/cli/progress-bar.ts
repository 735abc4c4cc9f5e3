export interface ProgressBar {
  /** From 0 to 1. */
  readonly update: (part: number) => void;
  stop(): void;
}

/** A bar on stderr where that is a terminal, and nothing elsewhere. */
export async function startProgressBar(what: string): Promise<ProgressBar> {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const { default: cliProgress } = await import("cli-progress");
  const bar = new cliProgress.SingleBar({
    format: `${what} [{bar}] {percentage} %`,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(100, 0);
  return { update: (part) => bar.update(Math.round(part * 100)), stop: () => bar.stop() };
}
