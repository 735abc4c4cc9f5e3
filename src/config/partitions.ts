import { basename, dirname, join, resolve } from "node:path";
import type { MysqlConfig, PartitionConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { readPassword, readTls } from "./credentials.ts";
import type { ConfigFile } from "./file.ts";
import { sectionNumber } from "./given.ts";
import { displayUrl, type PartitionUrl, parsePartitionUrl } from "./partition-url.ts";
import { SectionReader, type Surroundings } from "./section.ts";

/** The partitions: those of the sections, or SQLite files in the folder `data` when nobody gave any. */
export function readPartitions(around: Surroundings): readonly PartitionConfig[] {
  const sections = new Set([...around.given.keys()].map((name) => name.split(".")[0]!));
  const numbers = [...sections].map(sectionNumber).filter((number) => number !== undefined);
  const count = around.values.partitions;
  const isDefault = numbers.length === 0 && around.given.get("partitions")?.origin !== "file";
  if (!isDefault) checkSections(numbers, count, around);
  const partitions = isDefault
    ? Array.from({ length: count }, (_, index) => defaultPartition(`partition-${index + 1}`, around))
    : numbers.sort((a, b) => a - b).map((number) => readPartition(`partition-${number}`, around));
  checkDistinct(partitions, around.file);
  return partitions;
}

/** As many as there should be; their numbers may have gaps, where partitions have left the store. */
function checkSections(numbers: readonly number[], count: number, { given, file }: Surroundings): void {
  if (numbers.length === count) return;
  const where = file === undefined ? "" : `${file.shown}: `;
  const source = given.get("partitions")?.label ?? "partitions";
  if (numbers.length > count) {
    const names = numbers.map((number) => `[partition-${number}]`).join(", ");
    throw new ConfigError(
      `${where}there are the sections ${names}, but ${source} is ${count}; set partitions = ${numbers.length}, or remove what is too many`,
    );
  }
  const missing = Array.from({ length: count }, (_, index) => index + 1).find((number) => !numbers.includes(number));
  const mend =
    numbers.length === 0 ? "add it with its url" : `add it with its url, or set partitions = ${numbers.length}`;
  throw new ConfigError(
    `${where}the section [partition-${missing}] is missing, because ${source} is ${count}; ${mend}`,
  );
}

function defaultPartition(section: string, around: Surroundings): PartitionConfig {
  const folder = resolve(around.given.get("data")?.folder ?? around.cwd, around.values.data);
  const engine = withTestPrefix({ kind: "sqlite", file: join(folder, `${section}.db`) }, around.isTest);
  return {
    name: section,
    weight: 1,
    displayUrl: displayUrl(engine),
    engine: engine as { kind: "sqlite"; file: string },
  };
}

function readPartition(section: string, around: Surroundings): PartitionConfig {
  const reader = new SectionReader(section, around);
  const { values } = reader;
  const name = values.name ?? section;
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
    throw new ConfigError(
      `${reader.label("name")}: expected 1 to 64 letters, digits, ".", "_" or "-", got ${JSON.stringify(name)}`,
    );
  }
  if (values.url === undefined) {
    throw new ConfigError(`${reader.label("url")} is missing; add url = "mysql://USER@HOST/DATABASE" or "sqlite:PATH"`);
  }
  const parsed = parsePartitionUrl(values.url, reader.label("url"), reader.folder("url"));
  const url = withTestPrefix(parsed, around.isTest);
  const engine = url.kind === "sqlite" ? url : mysqlEngine(url, reader);
  return { name, weight: values.weight, displayUrl: displayUrl(url), engine };
}

function mysqlEngine(url: PartitionUrl & { kind: "mysql" }, reader: SectionReader): MysqlConfig {
  return {
    ...url,
    password: readPassword(url.password, reader),
    tls: readTls(reader),
    connections: { reads: reader.values.read_connections, writes: reader.values.write_connections },
  };
}

/** Test databases are named so that no test run can meet real data. */
function withTestPrefix(url: PartitionUrl, isTest: boolean): PartitionUrl {
  if (!isTest) return url;
  const prefixed = (name: string) => (name.startsWith("test_") ? name : `test_${name}`);
  return url.kind === "sqlite"
    ? { ...url, file: join(dirname(url.file), prefixed(basename(url.file))) }
    : { ...url, database: prefixed(url.database) };
}

function checkDistinct(partitions: readonly PartitionConfig[], file: ConfigFile | undefined): void {
  const where = file === undefined ? "" : `${file.shown}: `;
  for (const [index, partition] of partitions.entries()) {
    const before = partitions.slice(0, index);
    const here = `${where}[partition-${index + 1}]`;
    const sameName = before.findIndex((other) => other.name === partition.name);
    if (sameName >= 0) {
      throw new ConfigError(
        `${here} has the name of [partition-${sameName + 1}], ${partition.name}; give it another name`,
      );
    }
    const sameUrl = before.findIndex((other) => other.displayUrl === partition.displayUrl);
    if (sameUrl >= 0) {
      throw new ConfigError(
        `${here} is the same database as [partition-${sameUrl + 1}], ${partition.displayUrl}; give it one of its own`,
      );
    }
  }
}
