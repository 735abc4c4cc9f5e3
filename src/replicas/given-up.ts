import type { Topology } from "../topology/topology.ts";

/** Members that are not home any more of what one other holds as well: they were given up as lost, the last one last. */
export function givenUpBy({ givenUp = [], change }: Topology): readonly string[] {
  const lost = change?.lost;
  return lost === undefined ? givenUp : [...givenUp.filter((name) => name !== lost), lost];
}
