import { MemoryPartition, MemoryState } from "../../src/partitions/memory.ts";
import { partitionSuite, suiteIdentity } from "../suites/partition-suite.ts";

partitionSuite("memory", async () => {
  const state = new MemoryState();
  const partition = new MemoryPartition(suiteIdentity.partition, state);
  await partition.initialise(suiteIdentity);
  await partition.open();
  return {
    partition,
    close: () => partition.close(),
    second: async () => new MemoryPartition(suiteIdentity.partition, state),
    renamed: (name) => new MemoryPartition(name, state),
    bare: async () => {
      const bareState = new MemoryState();
      return () => new MemoryPartition("bare", bareState);
    },
  };
});
