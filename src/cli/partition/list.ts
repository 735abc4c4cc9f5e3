import type { ConfigSources } from "../../config.ts";
import { sharesOf } from "../../replicas/placement.ts";
import { exitCodes } from "../failure.ts";
import { fittedTable, outputWidth } from "../terminal/table.ts";
import { withStore } from "./change.ts";

/** Prints who belongs to the store, and what is being changed. Exit code 1 when a member cannot be used. */
export async function listPartitions(sources: ConfigSources, { json }: { json?: boolean }): Promise<number> {
  return withStore(sources, async (store) => {
    await store.topology.refresh();
    const { epoch, members, replicas, gone, change } = store.topology.current();
    const { partitions } = await store.status();
    const of = (name: string) => partitions.find((each) => each.name === name);
    const shares = sharesOf(
      members.map(({ weight }) => weight),
      replicas === "all" ? members.length : replicas,
    );
    const rows = [
      ...members.map(({ name, weight }, index) => ({ name, weight, share: shares[index]!, role: roleOf(name) })),
      ...(change?.members ?? [])
        .filter(({ name }) => !members.some((member) => member.name === name))
        .map(({ name, weight }) => ({ name, weight, share: 0, role: "joining" })),
    ].map((row) => ({
      ...row,
      state: of(row.name)?.state ?? "away",
      url: of(row.name)?.url ?? "",
      problem: of(row.name)?.problem ?? "",
    }));
    function roleOf(name: string): string {
      if (change === undefined || change.members.some((each) => each.name === name)) return "member";
      return change.lost === name ? "lost" : "leaving";
    }
    if (json) process.stdout.write(`${JSON.stringify({ epoch, replicas, partitions: rows, gone, change })}\n`);
    else {
      const header = ["PARTITION", "ROLE", "WEIGHT", "HOLDS", "STATE", "URL", "PROBLEM"];
      const cells = rows.map(({ name, role, weight, share, state, url, problem }) => {
        return [name, role, String(weight), `${Math.round(share * 100)} %`, state, url, problem];
      });
      const facts = [
        `epoch ${epoch}, replicas ${replicas}`,
        ...(change === undefined ? [] : [`under way: ${store.topology.status().change}`]),
        ...(gone.length === 0 ? [] : [`left: ${gone.join(", ")}`]),
      ];
      for (const line of [...fittedTable([header, ...cells], outputWidth()), ...facts])
        process.stdout.write(`${line}\n`);
    }
    return rows.every(({ state }) => state === "steady") ? exitCodes.done : exitCodes.notAllDone;
  });
}
