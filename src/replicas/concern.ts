/** How many replicas confirm a write before it is answered. */
export type WriteConcern = number | "quorum" | "all";

/** Which replicas a read asks: the home (or the next one), a majority, or all. */
export type ReadConcern = "home" | "quorum" | "all";

/** `undefined` for a text that is no write concern. */
export function parseWriteConcern(text: string): WriteConcern | undefined {
  if (text === "quorum" || text === "all") return text;
  return /^[1-9][0-9]{0,2}$/.test(text) ? Number(text) : undefined;
}

/** `undefined` for a text that is no read concern. */
export function parseReadConcern(text: string): ReadConcern | undefined {
  return text === "home" || text === "quorum" || text === "all" ? text : undefined;
}

/** How many of `replicas` a concern asks for. A number may exceed them: such a write cannot be confirmed. */
export function concernCount(concern: WriteConcern | ReadConcern, replicas: number): number {
  if (typeof concern === "number") return concern;
  if (concern === "all") return replicas;
  return concern === "quorum" ? Math.floor(replicas / 2) + 1 : 1;
}
