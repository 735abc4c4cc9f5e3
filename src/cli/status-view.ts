import { styleText } from "node:util";
import { byteText } from "./terminal/byte-text.ts";
import { fittedTable } from "./terminal/table.ts";

/** A server's status, as far as it is shown. */
export interface StatusDocument {
  readonly ready: boolean;
  readonly missing: readonly string[];
  readonly cluster: string;
  readonly replicas: string | number;
  readonly topology: {
    readonly epoch: number;
    readonly change?: string;
    readonly progress?: number;
    readonly waitsFor?: string;
  };
  readonly partitions: readonly PartitionDocument[];
  readonly sync: SyncDocument;
}

interface PartitionDocument {
  readonly name: string;
  readonly url: string;
  readonly state: string;
  readonly problem?: string;
  readonly engine: string;
  readonly durability: string;
  readonly latencyMs: number;
  readonly size?: { readonly keys: number; readonly bytes: number; readonly at: string };
  readonly load?: { readonly reads: number; readonly writes: number; readonly batches: number };
  readonly owed?: readonly { readonly target: string; readonly count: number; readonly oldest: string }[];
}

interface SyncDocument {
  readonly delivered: number;
  readonly setAside: readonly { readonly key?: string; readonly target: string; readonly reason: string }[];
  readonly lastPass?: {
    readonly at: string;
    readonly records: number;
    readonly differing: number;
    readonly mended: number;
  };
  readonly lastPurge?: { readonly at: string; readonly purged: number; readonly blocked: string };
  readonly clockSkewMs?: number;
}

const columns = [
  "PARTITION",
  "STATE",
  "KEYS",
  "BYTES",
  "COUNTED",
  "LOAD",
  "OWES",
  "LATENCY",
  "ENGINE",
  "DURABILITY",
  "URL",
  "PROBLEM",
];
const stateColumn = columns.indexOf("STATE");
/** On a narrower terminal each partition has lines of its own. */
const tableWidthMin = 78;

/** What a person wants to know of a server, in lines of at most `width`. Colours only where stdout shows them. */
export function statusLines(status: StatusDocument, width: number): string[] {
  const paintFact = (cell: string, row: number, column: number) =>
    row === 0 && column === 1 ? styleText(status.ready ? "green" : "red", cell) : cell;
  const paintPartition = (cell: string, row: number, column: number) => {
    if (row === 0) return styleText("bold", cell);
    return column === stateColumn ? styleText(cell === "steady" ? "green" : "red", cell) : cell;
  };
  return [
    ...fittedTable(onOneLine(facts(status)), width, paintFact),
    "",
    ...(width < tableWidthMin
      ? status.partitions.flatMap((partition) => [...fittedTable(onOneLine(facing(partition)), width), ""])
      : [...fittedTable(onOneLine([columns, ...status.partitions.map(cells)]), width, paintPartition), ""]),
    ...fittedTable(onOneLine(syncFacts(status.sync)), width),
  ];
}

function facts({ ready, missing, cluster, replicas, topology }: StatusDocument): string[][] {
  return [
    ["state", ready ? "ready" : "not ready"],
    ...missing.map((reason) => ["missing", reason]),
    ["cluster", cluster],
    ["replicas", String(replicas)],
    ["topology", topologyText(topology)],
  ];
}

function cells(partition: PartitionDocument): string[] {
  const { name, url, state, problem, engine, durability, latencyMs, owed, size, load } = partition;
  const held = size === undefined ? ["unknown", "unknown", "not yet"] : [`${size.keys}`, byteText(size.bytes), size.at];
  const rates = load === undefined ? "unknown" : `${load.reads} reads/s, ${load.writes} writes/s`;
  return [name, state, ...held, rates, owedText(owed), `${latencyMs} ms`, engine, durability, url, problem ?? ""];
}

function topologyText({ epoch, change, progress = 0, waitsFor }: StatusDocument["topology"]): string {
  const done = change === undefined ? "" : `; ${change}, ${Math.floor(progress * 100)} % done`;
  return `epoch ${epoch}${done}${waitsFor === undefined ? "" : `; waits for ${waitsFor}`}`;
}

/** A row of the table on its side. */
function facing(partition: PartitionDocument): string[][] {
  const shown = cells(partition);
  return columns.map((column, index) => [column, shown[index]!]).filter(([, cell]) => cell !== "");
}

function owedText(owed: PartitionDocument["owed"]): string {
  if (owed === undefined) return "unknown";
  if (owed.length === 0) return "nothing";
  return owed.map(({ target, count, oldest }) => `${count} to ${target} since ${oldest}`).join(", ");
}

function syncFacts({ delivered, setAside, lastPass, lastPurge, clockSkewMs }: SyncDocument): string[][] {
  const compared =
    lastPass &&
    `${lastPass.at}: ${lastPass.records} records, ${lastPass.differing} differing, ${lastPass.mended} mended`;
  const purged = lastPurge && `${lastPurge.at}: ${lastPurge.blocked || `${lastPurge.purged} records`}`;
  return [
    ["delivered", `${delivered} records to replicas`],
    ...setAside.map(({ key, target, reason }) => ["set aside", `${key ?? "a record"} for ${target}: ${reason}`]),
    ["compared", compared ?? "not yet"],
    ["purged", purged ?? "not yet"],
    ...(clockSkewMs === undefined ? [] : [["clock", `${clockSkewMs} ms ahead of the servers`]]),
  ];
}

/** Whatever a server says: no line break, and nothing that a terminal would obey. */
function onOneLine(rows: readonly (readonly string[])[]): string[][] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return rows.map((row) => row.map((cell) => cell.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")));
}
