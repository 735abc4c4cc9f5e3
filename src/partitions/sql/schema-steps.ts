import { PartitionError } from "../../partition.ts";
import { type Dialect, schemaStatements } from "./schema.ts";

/**
 * How tables of an older version become those of this one while front ends of both use them.
 *
 * Two rows of `meta` say where a partition stands. `schema_step` is the version that its tables have.
 * `schema_version` is the least version that a program must know to use them; it is the one that programs of
 * version 1 look at. A step that only adds (`expand`) leaves it as it is, so that old and new programs go on side by
 * side. One that takes something away (`contract`) raises it first: every write holds the row while it runs, so that
 * no write of a program that is too old is under way, or can begin, when the tables change. A topology with a change in
 * it raises it too, see `refuseEpochless`.
 *
 * Nobody holds a lock for the whole of it. A crash leaves a step half done, and two programs may do it at once, so every
 * statement must be one that may be run again: by its own nature, or because the engine then says that the column
 * or index is there already (or gone), which counts as done.
 */
export interface SchemaStep {
  /** One more than that of the step before; the ladder begins at 2. */
  readonly version: number;
  readonly kind: "expand" | "contract";
  statements(dialect: Dialect): readonly string[];
}

export const schemaSteps: readonly SchemaStep[] = [
  {
    version: 2,
    kind: "expand",
    // Room for the topology. SQLite's columns have no lengths.
    statements: (dialect) => (dialect === "mysql" ? ["ALTER TABLE meta MODIFY value VARBINARY(16384) NOT NULL"] : []),
  },
];

/** Programs that know this version of the tables look at the epoch in every write; earlier ones know of no topology. */
const epochsVersion = 2;

/**
 * From the first change of the topology on, programs that know of none are refused: they would go on to write where keys
 * are not any more. Like a step that takes something away, it waits for their writes that are under way.
 */
export function refuseEpochless(dialect: Dialect): string {
  return raise(dialect, neededName, epochsVersion);
}

/** Where a partition's tables stand. */
export interface SchemaState {
  /** The version that the tables have; 0 when there is none. */
  readonly version: number;
  /** The least version that a program must know. */
  readonly needed: number;
}

/** The rows of `meta` that say so. */
const neededName = "schema_version";
const versionName = "schema_step";

export function schemaStateOf(meta: ReadonlyMap<string, string>): SchemaState {
  const needed = Number(meta.get(neededName) ?? 0);
  // Tables of version 1 have the one row only.
  return { needed, version: Number(meta.get(versionName) ?? needed) };
}

/** The rows of a new partition. */
export function schemaRows(steps: readonly SchemaStep[]): [name: string, value: string][] {
  const needed = steps.findLast((step) => step.kind === "contract")?.version ?? 1;
  return [
    [neededName, String(needed)],
    [versionName, String(latestVersion(steps))],
  ];
}

/** The version of a program that knows `steps`. */
export function latestVersion(steps: readonly SchemaStep[]): number {
  return steps.at(-1)?.version ?? 1;
}

/** @throws PartitionError `refused` when a program that knows `steps` is too old for the tables. */
export function mustKnow(partition: string, steps: readonly SchemaStep[], meta: ReadonlyMap<string, string>): void {
  const { needed, version } = schemaStateOf(meta);
  const known = latestVersion(steps);
  if (needed <= known) return;
  const message = `its tables are of version ${version} and need a program that knows version ${needed}, this one knows ${known}; use a newer Kvasir: tables never go back to an older version, only a backup does`;
  throw new PartitionError("refused", partition, message);
}

/** Everything that one step executes, in its order. */
export function stepStatements({ version, kind, statements }: SchemaStep, dialect: Dialect): string[] {
  const fence = kind === "contract" ? [raise(dialect, neededName, version)] : [];
  return [...fence, ...statements(dialect), raise(dialect, versionName, version)];
}

/** Never lowers: a program that was delayed may be at a step that others have left behind. */
function raise(dialect: Dialect, name: string, version: number): string {
  if (dialect === "mysql") {
    return `INSERT INTO meta (name, value) VALUES ('${name}', '${version}')
  ON DUPLICATE KEY UPDATE value = IF(CAST(value AS UNSIGNED) < ${version}, VALUES(value), value)`;
  }
  return `INSERT INTO meta (name, value) VALUES (CAST('${name}' AS BLOB), CAST('${version}' AS BLOB))
  ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE CAST(CAST(value AS TEXT) AS INTEGER) < ${version}`;
}

/** What `kvasir init --print` prints: all of it may be run on tables of any version. */
export function schemaText(dialect: Dialect): string {
  const text = (statements: readonly string[]) => statements.map((statement) => `${statement};\n`).join("");
  const changes = schemaSteps.map(
    (step) => `-- from version ${step.version - 1} to ${step.version}\n${text(stepStatements(step, dialect))}`,
  );
  return `-- ${dialect}, version ${latestVersion(schemaSteps)}\n${text(schemaStatements(dialect))}${changes.join("")}`;
}
