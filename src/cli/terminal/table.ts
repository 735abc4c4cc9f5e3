import stringWidth from "string-width";

const gap = "  ";
/** No column gets narrower. */
const columnMin = 6;

/** Makes a cell, already cut and padded, what is printed: with colours. */
type Paint = (cell: string, row: number, column: number) => string;

/**
 * Lines of columns, each as wide as its widest cell, but together at most `width` wide: then the widest are cut,
 * and what was cut ends with `…`.
 */
export function fittedTable(rows: readonly (readonly string[])[], width: number, paint?: Paint): string[] {
  const widths = shrink(naturalWidths(rows), width);
  return rows.map((row, index) => {
    const cells = row.map((cell, column) => {
      const cut = cutTo(cell, widths[column]!);
      const padding = column === row.length - 1 ? "" : " ".repeat(widths[column]! - stringWidth(cut));
      return (paint?.(cut, index, column) ?? cut) + padding;
    });
    return cells.join(gap).trimEnd();
  });
}

/** As much of `text` as fits, in whole characters. */
export function cutTo(text: string, width: number): string {
  if (text.length <= width && !/[^\x20-\x7e]/.test(text)) return text;
  if (stringWidth(text) <= width) return text;
  let cut = "";
  let room = width - 1;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    room -= stringWidth(segment);
    if (room < 0) break;
    cut += segment;
  }
  return `${cut}…`;
}

/** How wide a line on stdout may be: what is no terminal takes any. */
export function outputWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
}

function naturalWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, stringWidth(cell));
  }
  return widths;
}

/** Takes from the widest column, as long as that helps. */
function shrink(widths: number[], width: number): number[] {
  let excess = widths.reduce((sum, each) => sum + each + gap.length, -gap.length) - width;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= columnMin) break;
    const next = Math.max(columnMin, ...widths.filter((each) => each < widths[widest]!));
    const taken = Math.min(excess, widths[widest]! - next || 1);
    widths[widest]! -= taken;
    excess -= taken;
  }
  return widths;
}
