import { type Costs, defaults, greatestRate, type Layout } from "./model.ts";

const million = 1_000_000;
const day = 86_400;
const steps: Partial<Layout>[] = [
  { partitions: 2, replicas: 2, frontEnds: 2 },
  { partitions: 2, replicas: 2, frontEnds: 8 },
  { partitions: 3, replicas: 3, frontEnds: 8 },
  { partitions: 8, replicas: 8, frontEnds: 8 },
  { partitions: 8, replicas: 3, frontEnds: 8 },
  { partitions: 8, replicas: 3, frontEnds: 32 },
  { partitions: 8, replicas: 3, frontEnds: 32, keys: 100 * million },
  { partitions: 8, replicas: 3, frontEnds: 32, keys: 100 * million, passSeconds: day },
  { partitions: 32, replicas: 3, frontEnds: 32, keys: 100 * million, passSeconds: day },
  { partitions: 32, replicas: 3, frontEnds: 64, keys: 1000 * million, passSeconds: day },
  {
    partitions: 32,
    replicas: 3,
    frontEnds: 64,
    keys: 1000 * million,
    passSeconds: 7 * day,
    readConnections: 2,
    writeConnections: 2,
  },
];

/** The steps from two partitions to 32, side by side, as in docs/scaling.md. */
export function table(costs: Costs): string {
  const head = ["partitions", "replicas", "front ends", "keys", "pass interval", "connections"];
  const columns = [...head, "most requests a second", "first limit", "then"];
  const lines = [columns, columns.map(() => "---"), ...steps.map((step) => cells({ ...defaults, ...step }, costs))];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function cells(layout: Layout, costs: Costs): (string | number)[] {
  const { rate, limit } = greatestRate(layout, costs);
  const { partitions, replicas, frontEnds, keys, passSeconds, readConnections, writeConnections } = layout;
  const counts = [partitions, replicas, frontEnds, `${keys / million} M`, `${passSeconds / 60} min`];
  const connections = `${readConnections} + ${writeConnections}`;
  const most = Number(rate.toPrecision(2)).toLocaleString("en");
  return [...counts, connections, most, limit.name, limit.change];
}
