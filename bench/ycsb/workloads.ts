/** YCSB's core workloads: what share of the operations does what, and which keys are chosen. */
export interface Workload {
  readonly name: string;
  readonly about: string;
  /** Shares, which add up to 1. */
  readonly mix: { readonly [operation in YcsbOperation]?: number };
  /** `latest`: mostly what was inserted last. */
  readonly keys: "zipfian" | "latest";
}

export type YcsbOperation = "read" | "update" | "insert" | "scan" | "modify";

export const workloads: readonly Workload[] = [
  { name: "A", about: "50 % reads, 50 % updates", mix: { read: 0.5, update: 0.5 }, keys: "zipfian" },
  { name: "B", about: "95 % reads, 5 % updates", mix: { read: 0.95, update: 0.05 }, keys: "zipfian" },
  { name: "C", about: "reads only", mix: { read: 1 }, keys: "zipfian" },
  { name: "D", about: "95 % reads of the latest, 5 % inserts", mix: { read: 0.95, insert: 0.05 }, keys: "latest" },
  { name: "E", about: "95 % scans of 1 to 100 keys, 5 % inserts", mix: { scan: 0.95, insert: 0.05 }, keys: "zipfian" },
  { name: "F", about: "50 % reads, 50 % read and then write", mix: { read: 0.5, modify: 0.5 }, keys: "zipfian" },
];

/** The longest scan; lengths are uniform. */
export const scanMax = 100;

/** YCSB's records: ten fields of a hundred bytes. */
export const recordBytes = 1000;

export function chooseOperation({ mix }: Workload, random: () => number): YcsbOperation {
  let left = random();
  const shares = Object.entries(mix) as [YcsbOperation, number][];
  for (const [operation, share] of shares) {
    left -= share;
    if (left < 0) return operation;
  }
  return shares.at(-1)![0];
}
