/** Lines of columns as wide as their widest cell. */
export function alignedText(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}

/** Percent-encodes `%` and whatever some reader takes for the end of a line or acts upon. */
export function onOneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[%\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, encodeURIComponent);
}

/** What reaches a partition, in words that need no heading. */
export function loadText(load: { reads: number; writes: number; batches: number } | undefined): string {
  if (load === undefined) return "unknown";
  return `${load.reads} reads/s, ${load.writes} writes/s in ${load.batches} batches/s`;
}

/** Which topology a store has, and how far a change of it is. */
export function topologyText({ epoch, change, progress = 0, waitsFor }: TopologyFacts): string {
  const done = change === undefined ? "" : `; ${change}, ${Math.floor(progress * 100)} % done`;
  return `epoch ${epoch}${done}${waitsFor === undefined ? "" : `; waits for ${waitsFor}`}`;
}

interface TopologyFacts {
  readonly epoch: number;
  readonly change?: string;
  readonly progress?: number;
  readonly waitsFor?: string;
}
