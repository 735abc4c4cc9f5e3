import { type ConfigSources, loadConfig } from "../config.ts";
import { exitCodes } from "./failure.ts";

/** Creates the tables on every partition that can be reached, or brings them up to this version, or prints the SQL. */
export async function init(sources: ConfigSources, options: { print: boolean }): Promise<number> {
  const config = loadConfig(sources);
  for (const warning of config.warnings) process.stderr.write(`kvasir: ${warning}\n`);
  if (options.print) {
    const { schemaText } = await import("../partitions/sql/schema-steps.ts");
    const dialects = new Set(config.partitions.map(({ engine }) => engine.kind));
    for (const dialect of dialects) process.stdout.write(schemaText(dialect));
    return exitCodes.done;
  }
  const { initialisePartitions } = await import("../open-store.ts");
  const results = await initialisePartitions(config);
  for (const { name, schemaVersion, error } of results) {
    if (error === undefined) process.stdout.write(`${name}: ready, with tables of version ${schemaVersion}\n`);
    else process.stderr.write(`kvasir: ${error.message}\n`);
  }
  return results.every(({ error }) => error === undefined) ? exitCodes.done : exitCodes.notAllDone;
}
