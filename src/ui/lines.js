/** Texts of more lines together are compared line by line, because the time for the rest grows with their product. */
const productMax = 1_000_000;

/** @typedef {[line: string, differs: boolean][]} MarkedLines */

/**
 * The lines of both texts, each with whether it is missing in the other: by their longest common subsequence.
 * @param {string} mine
 * @param {string} theirs
 * @returns {[mine: MarkedLines, theirs: MarkedLines]}
 */
export function differingLines(mine, theirs) {
  const [a, b] = [mine.split("\n"), theirs.split("\n")];
  if (a.length * b.length > productMax) {
    return [a.map((line, index) => [line, line !== b[index]]), b.map((line, index) => [line, line !== a[index]])];
  }
  // `common(i, j)` is the length of the longest common subsequence of what follows.
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  /** @type {(i: number, j: number) => number} */
  const common = (i, j) => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j] ? common(i + 1, j + 1) + 1 : Math.max(common(i + 1, j), common(i, j + 1));
    }
  }
  /** @type {MarkedLines} */
  const left = [];
  /** @type {MarkedLines} */
  const right = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      left.push([a[i++] ?? "", false]);
      right.push([b[j++] ?? "", false]);
    } else if (j >= b.length || (i < a.length && common(i + 1, j) >= common(i, j + 1))) left.push([a[i++] ?? "", true]);
    else right.push([b[j++] ?? "", true]);
  }
  return [left, right];
}
