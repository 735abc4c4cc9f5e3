import { type Filling, hasTurn } from "../partition.ts";

/** What is to be stored after `mine` was given. */
export function nextFilling(present: Filling | undefined, now: number, mine: Filling): Filling {
  if (present !== undefined && present.by !== mine.by && hasTurn(present, now)) return present;
  return { ...mine, keysPerSecond: mine.keysPerSecond || (present?.keysPerSecond ?? 0) };
}
