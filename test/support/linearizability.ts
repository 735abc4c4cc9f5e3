/** One operation on one object, as its client saw it. */
export interface HistoryOperation<State> {
  readonly name: string;
  readonly invoked: number;
  /** `Infinity` when no answer came. */
  readonly answered: number;
  /** The state after it, or `undefined` when its answer is not possible in `state`. */
  readonly step: (state: State) => State | undefined;
  /** No answer came, so it may have had no effect at all. */
  readonly isOptional?: boolean;
}

/**
 * Whether the operations can be put into one order that gives each of them its answer, with every operation behind
 * all that were answered before it was invoked. The search of Wing and Gong (1993), which never visits the same
 * set of operations with the same state twice (Lowe, 2017).
 */
export function isLinearizable<State>(
  operations: readonly HistoryOperation<State>[],
  initial: State,
  stateKey: (state: State) => string = String,
): boolean {
  const history = [...operations].sort((a, b) => a.invoked - b.invoked);
  const isDone = history.map(() => false);
  const visited = new Set<string>();

  const search = (state: State, left: number): boolean => {
    if (left === 0) return true;
    const id = `${isDone.map((done) => (done ? "1" : "0")).join("")} ${stateKey(state)}`;
    if (visited.has(id)) return false;
    visited.add(id);
    let firstAnswer = Number.POSITIVE_INFINITY;
    for (const [index, { answered }] of history.entries())
      if (!isDone[index] && answered < firstAnswer) firstAnswer = answered;
    for (const [index, operation] of history.entries()) {
      // What was invoked after another one's answer cannot come before it.
      if (operation.invoked > firstAnswer) break;
      if (isDone[index]) continue;
      const required = left - (operation.isOptional === true ? 0 : 1);
      const next = operation.step(state);
      if (next === undefined) continue;
      isDone[index] = true;
      if (search(next, required)) return true;
      isDone[index] = false;
    }
    return false;
  };
  return search(initial, history.filter((operation) => operation.isOptional !== true).length);
}
