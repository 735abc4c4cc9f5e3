import type { Partition } from "../../src/partition.ts";
import { partitionSuite, suiteIdentity } from "../suites/partition-suite.ts";
import type { Bench } from "./galera.test.ts";
import { partitionOn } from "./options.ts";

const isWhole = process.env.GALERA_WHOLE === "1";

/**
 * The contract with every other handle to the same database at another member. By default without the claims about
 * reads, bytes, lists and digests, which one statement on one member answers as on any MariaDB server.
 */
export function galeraPartitionSuite(bench: Bench): void {
  partitionSuite(
    "a Galera cluster, used through two of its members",
    async () => {
      const opened: Partition[] = [];
      let handles = 0;
      let bareCount = 0;
      const handle = (name: string, database = "test_suite") => {
        const partition = partitionOn(bench, handles++ % 2, database, { name });
        opened.push(partition);
        return partition;
      };
      const [first] = bench.cluster.members;
      await first!.createDatabase("test_suite");
      const partition = handle(suiteIdentity.partition);
      await partition.initialise(suiteIdentity);
      await partition.open();
      return {
        partition,
        close: async () => {
          for (const each of opened) await each.close();
        },
        second: async () => {
          const second = handle(suiteIdentity.partition);
          if (handles % 2 === 1) handles++;
          await second.open();
          return second;
        },
        renamed: (name) => handle(name),
        bare: async () => {
          const database = `test_bare_${bareCount++}`;
          await first!.createDatabase(database);
          return () => handle("bare", database);
        },
      };
    },
    isWhole,
  );
}
