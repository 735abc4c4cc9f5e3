export interface Progress {
  update(bytes: number): void;
  /** Prints a line on stderr without tearing the bar. */
  print(line: string): void;
  stop(): void;
}

/** A progress bar on stderr, where that is a terminal and the end is known; otherwise only the printed lines. */
export async function startProgress(bytesMax: number | undefined, bytes: number): Promise<Progress> {
  const print = (line: string) => void process.stderr.write(`${line}\n`);
  if (bytesMax === undefined || !process.stderr.isTTY) return { update: () => {}, print, stop: () => {} };
  const { default: cliProgress } = await import("cli-progress");
  const mib = (count: number) => (count / 1024 ** 2).toFixed(1);
  const bar = new cliProgress.SingleBar({
    format: (_options, { progress, eta }, payload) => {
      const filled = Math.round(progress * 30);
      const left = Number.isFinite(eta) && eta > 0 ? `, ${eta} s left` : "";
      return `[${"=".repeat(filled).padEnd(30)}] ${Math.floor(progress * 100)} % of ${mib(payload.bytesMax)} MiB${left}`;
    },
    hideCursor: true,
  });
  bar.start(bytesMax, bytes, { bytesMax });
  return {
    update: (now) => bar.update(now),
    print: (line) => {
      process.stderr.write("\r\x1b[K");
      print(line);
    },
    stop: () => bar.stop(),
  };
}
