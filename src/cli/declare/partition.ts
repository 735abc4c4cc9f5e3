import type { Command } from "commander";
import { addConfigFlags, configSources } from "../config-flags.ts";
import { addExamples, type Finish } from "./declaring.ts";

/** The commands that change which partitions hold the keys, while everything serves. */
export function declarePartitionCommands(program: Command, args: readonly string[], finish: Finish): void {
  const partition = addExamples(
    program.command("partition").description("add, drain, replace and weigh partitions while everything serves"),
    "kvasir partition list",
    "kvasir partition add partition-4 --dry-run",
    "kvasir partition add partition-4 --weight 2 --rate 2000",
    "kvasir partition drain partition-2 --yes",
    "kvasir partition replace partition-2 --by partition-4 --lost",
    "kvasir partition weight partition-1 3",
    "kvasir partition replicas 3",
  );
  const change = (words: string, description: string) =>
    addConfigFlags(partition.command(words), args)
      .description(description)
      .option("--dry-run", "only show what would move from where to where")
      .option("--yes", "do not ask")
      .option("--rate <keys>", "keys a second that are brought at most (default: no limit)")
      .option("--json", "one JSON document");

  addConfigFlags(partition.command("list"), args)
    .description("show the members, and the change under way; exit code 1 when one cannot be used")
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { listPartitions } = await import("../partition/list.ts");
      finish(await listPartitions(configSources(options), options));
    });
  change("add <name>", "make a partition of the configuration a member: it is filled, then used")
    .option("--weight <weight>", "its share relative to the others' (default: that of its section)")
    .action(async (name: string, options) => {
      const { changeTopology, sectionOf } = await import("../partition/change.ts");
      const { parseRate, parseWeight } = await import("../partition/options.ts");
      const rate = limit(parseRate(options.rate));
      const weight = options.weight === undefined ? undefined : parseWeight(options.weight);
      const request = (config: Parameters<typeof sectionOf>[0]) => {
        return { kind: "add", name, weight: weight ?? sectionOf(config, name).weight, ...rate } as const;
      };
      finish(await changeTopology(configSources(options), options, request));
    });
  change("drain <name>", "move away what a partition holds, and let it go")
    .option("--lost", "it is gone for good: nothing is asked of it, and nobody waits for it")
    .action(async (name: string, options) => {
      const { changeTopology } = await import("../partition/change.ts");
      const { parseRate } = await import("../partition/options.ts");
      const rate = limit(parseRate(options.rate));
      const isLost = options.lost === true;
      finish(await changeTopology(configSources(options), options, () => ({ kind: "drain", name, isLost, ...rate })));
    });
  change("replace <name>", "let another partition of the configuration take the place of a member")
    .requiredOption("--by <name>", "the one that takes its place")
    .option("--weight <weight>", "its share relative to the others' (default: that of the one replaced)")
    .option("--lost", "the member is gone for good: nothing is asked of it, and nobody waits for it")
    .action(async (name: string, options) => {
      const { changeTopology, sectionOf } = await import("../partition/change.ts");
      const { parseRate, parseWeight } = await import("../partition/options.ts");
      const rate = limit(parseRate(options.rate));
      const weight = options.weight === undefined ? {} : { weight: parseWeight(options.weight) };
      const request = (config: Parameters<typeof sectionOf>[0]) => {
        const by = sectionOf(config, options.by).name;
        return { kind: "replace", name, by, isLost: options.lost === true, ...weight, ...rate } as const;
      };
      finish(await changeTopology(configSources(options), options, request));
    });
  change("weight <name> <weight>", "give a partition another share of the keys").action(
    async (name: string, weight: string, options) => {
      const { changeTopology } = await import("../partition/change.ts");
      const { parseRate, parseWeight } = await import("../partition/options.ts");
      const request = { kind: "weight", name, weight: parseWeight(weight), ...limit(parseRate(options.rate)) } as const;
      finish(await changeTopology(configSources(options), options, () => request));
    },
  );
  change("replicas <number>", "hold each key on another number of partitions, or on all").action(
    async (number: string, options) => {
      const { changeTopology } = await import("../partition/change.ts");
      const { parseRate, parseReplicas } = await import("../partition/options.ts");
      const rate = limit(parseRate(options.rate));
      const request = { kind: "replicas", replicas: parseReplicas(number), ...rate } as const;
      finish(await changeTopology(configSources(options), options, () => request));
    },
  );
  addConfigFlags(partition.command("follow"), args)
    .description("carry the change under way through, and show how far it is")
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { followChange } = await import("../partition/change.ts");
      finish(await followChange(configSources(options), options));
    });
  addConfigFlags(partition.command("cancel"), args)
    .description("end a change that is still filling")
    .option("--json", "one JSON document")
    .action(async (options) => {
      const { cancelChange } = await import("../partition/change.ts");
      finish(await cancelChange(configSources(options), options));
    });
}

function limit(keysPerSecond: number | undefined) {
  return keysPerSecond === undefined ? {} : { keysPerSecond };
}
