const timeMsMax = 8.64e15;

/** ISO 8601 in UTC. Times beyond what a Date can say are given as the last one it can. */
export function isoTime(ms: number): string {
  return new Date(Math.min(ms, timeMsMax)).toISOString();
}
