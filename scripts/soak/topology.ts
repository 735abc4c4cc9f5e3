import { patchSources } from "../../test/simulation/patches.ts";

/**
 * Each kind of change of the topology, with a front end killed at each of the calls that carry it: seed after seed for so
 * many minutes, the first one whole in any case. Gives what went wrong.
 */
export async function soakTopology(minutes: number, from: number, print: (line: string) => void): Promise<string[]> {
  patchSources([]);
  const { changeKinds, crashAtCalls } = await import("../../test/simulation/topology-crashes.ts");
  const deadline = performance.now() + minutes * 60_000;
  const problems: string[] = [];
  for (let seed = from; seed === from || performance.now() < deadline; seed++) {
    for (const kind of changeKinds) {
      const { calls, failures } = await crashAtCalls(kind, seed);
      problems.push(...failures);
      print(`seed ${seed}, ${kind}: a crash at each of ${calls} calls, ${failures.length} problems`);
    }
  }
  return problems;
}
