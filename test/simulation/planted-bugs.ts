import type { Edit } from "./patches.ts";

/** The removal of one guard, which the simulation must find. */
export interface PlantedBug {
  readonly name: string;
  readonly edits: readonly Edit[];
}

const bug = (name: string, file: string, search: string, replace: string, ...more: Edit[]): PlantedBug => ({
  name,
  edits: [{ file, search, replace }, ...more],
});

const decide = "src/partitions/decide.ts";
const memory = "src/partitions/memory.ts";
const store = "src/store.ts";
const handoff = "src/sync/handoff.ts";
const replica = "src/replicas/replica.ts";
const purge = "src/sync/purge.ts";
const antiEntropy = "src/sync/anti-entropy.ts";
const difference = "src/sync/bucket-difference.ts";
const frontEnd = "test/simulation/front-end.ts";
/** Stands for what the SQL statements do. */
const database = "test/simulation/database.ts";

export const plantedBugs: readonly PlantedBug[] = [
  // --- Deciding a write ---
  bug(
    "a version is not above that of the row it replaces",
    decide,
    "row.version.stamp >= atLeast ? row.version.stamp + 1n : atLeast",
    "row.version.stamp >= atLeast ? atLeast : atLeast",
  ),
  bug(
    "a write that was held up is sent, and is not above the write floor",
    decide,
    "writeFloor >= write.stamp ? writeFloor + 1n : write.stamp",
    "write.stamp",
    {
      file: "src/replicas/batching.ts",
      search: "isHeldUp: (write) => runtime.now() > write.now + heldMsMax,",
      replace: "",
    },
  ),
  bug(
    "a repeated write that finds a newer row counts as applied",
    decide,
    "    if (isPlain && (order > 0 ||",
    `    if (isPlain && order > 0) return { outcome: { kind: "found", version: attempted } };
    if (isPlain && (order > 0 ||`,
  ),
  bug("a repeated write is decided anew", decide, "if (attempted !== undefined) {", "if (attempted === null) {"),
  bug(
    "a repeated conditional write is decided anew over a newer row",
    decide,
    "compareVersions(row.version, attempted) > 0) {",
    "compareVersions(row.version, attempted) > 1e300) {",
  ),
  bug("preconditions are not checked", decide, "!conditionHolds(write.condition, current)", "false"),
  bug("request ids are not looked up", decide, "if (request !== undefined) {", "if (request === null) {"),
  bug("a tombstone counts as existing", decide, "row !== undefined && isLive(row, write.now)", "row !== undefined"),
  bug("the writer's id does not settle equal stamps", "src/version.ts", "return a.writer - b.writer;", "return 0;"),

  // --- What the statements of a partition do ---
  bug(
    "the lesser version wins when it comes last",
    memory,
    "present === undefined || compareVersions(record.version, present.version) > 0",
    "true",
  ),
  bug(
    "the version is assigned before the value in an upsert",
    memory,
    `        this.#state.records.set(record.key, record);
      }
    }
    return dropped;`,
    `        this.#state.records.set(record.key, { ...(present ?? record), version: record.version });
      }
    }
    return dropped;`,
  ),
  bug(
    "records at or below the floor are taken although their key is absent",
    memory,
    "record.version.stamp <= progress.floor) dropped++",
    "record.version.stamp < 0n) dropped++",
  ),
  bug(
    "a hint is deleted although a newer version is owed",
    memory,
    "present !== undefined && compareVersions(present.version, version) <= 0) owed?.delete",
    "present !== undefined) owed?.delete",
  ),
  bug(
    "a row is removed whatever its version",
    memory,
    "if (present === undefined || compareVersions(present.version, version) !== 0) continue;",
    "if (present === undefined) continue;",
  ),
  bug("tombstones above the floor are purged", memory, "version.stamp <= floor && (isTombstone ||", "(isTombstone ||"),
  bug("digests leave out every tombstone", memory, "(isTombstone && version.stamp <= floor)", "isTombstone"),
  bug(
    "rows are not locked, or not created to be locked, before they are read",
    database,
    "this.#locks.acquire(transaction, sortedKeys(writes), false, () =>",
    "this.#locks.acquire(transaction, [], false, () =>",
  ),
  bug(
    "no ROLLBACK after an error: half a transaction is committed",
    database,
    "        if (this.isFull) {\n          this.#locks.release(transaction);",
    `        if (this.isFull) {
          for (const { record } of decided) this.state.records.set(record.key, record);
          this.observer.changed(this, "write", decided);
          this.#locks.release(transaction);`,
  ),
  bug("hints are written after the transaction", database, "for (const hint of hints) this.#owe(hint);", ""),
  bug("request ids are not stored", database, "this.state.requests.set(", "new Map().set("),

  // --- The store ---
  bug(
    "a stand-in takes conditional writes",
    store,
    "write.condition !== undefined || write.request !== undefined || !this.#options.standIn",
    "!this.#options.standIn",
  ),
  bug("one writer's id for all writes", store, "newWriterId(runtime.random)", "this.#options.writer"),
  bug(
    "one replica is owed nothing",
    store,
    "const owed = owners.filter((replica) => replica !== taker)",
    "const owed = owners.slice(1).filter((replica) => replica !== taker)",
  ),
  bug(
    "a lost answer to COMMIT is taken for no commit",
    store,
    'if (error.outcome === "unknown") {',
    'if (error.outcome === ("never" as string)) {',
  ),
  bug("a lost write is sent again as a new one", store, "owed, standIn, epoch, ...repeat }", "owed, standIn, epoch }"),
  bug(
    "a client's clock token is ignored by writes",
    store,
    "const stamp = atLeast(this.#clock.tick(), clock);",
    "const stamp = this.#clock.tick();",
    {
      file: store,
      search: "if (clock !== undefined) this.#clock.observe(clock.stamp);",
      replace: "",
    },
  ),
  bug(
    "a client's clock token is ignored by reads",
    store,
    "if (!isFreshEnough(known, record?.version)) record = await",
    "if (known === null) record = await",
  ),
  bug(
    "who knows of a purged version is refused for ever",
    store,
    "if (record === undefined && (await hasForgotten(",
    "if (record === null && (await hasForgotten(",
  ),

  // --- Batches ---
  bug(
    "a member of a lost batch is taken for its first",
    "src/replicas/batching.ts",
    "attempted: [error.attempted[index]]",
    "attempted: [error.attempted[0]]",
  ),
  bug(
    "what only waits when an answer is lost counts as sent",
    "src/replicas/batching.ts",
    'reject(error.with({ outcome: "not_applied" }))',
    "reject(errorOf(error, 0))",
  ),

  // --- Handoff and catching up ---
  bug(
    "a hint is deleted although its delivery failed",
    handoff,
    "      // The hint is still there, and the next round tries again.\n      return false;",
    "",
  ),
  bug(
    "a round deletes hints although their delivery failed",
    handoff,
    "if (!isRefused) throw error;",
    "if (!isRefused) return [...hints];",
  ),
  bug("a partition that returns serves before it has caught up", replica, "await this.#options.catchUp(this);", ""),

  bug(
    "what a stand-in could not be asked for is never delivered before the home decides again",
    handoff,
    "          await this.#deliverStandIns(source, target);",
    "          holders.delete(source);",
    // By then it must have been given up, for plain writes.
    { file: frontEnd, search: "catchUpMs: 30_000", replace: "catchUpMs: 300" },
    { file: frontEnd, search: "      this.#checkCaughtUp(partition, view);\n", replace: "" },
  ),
  bug(
    "what a stand-in takes while its home catches up is forgotten",
    handoff,
    "if (holders?.get(source) === note) holders?.delete",
    "holders?.delete",
  ),
  bug(
    "a partition that returns does without what is ahead of the front end's clock",
    handoff,
    "{ fromStandIns: true }",
    "{ fromStandIns: true, upTo: stampAt(this.#options.runtime.now()) }",
  ),
  bug(
    "a stand-in that is lost while it delivers counts as owing nothing",
    handoff,
    "if (standIns > 0) this.noteStandIn(source, target);\n      return false;",
    "return true;",
  ),

  // --- Partitions that were set back ---
  bug("a partition that was set back is used at once", replica, "if (isReceiving) return this.#recover();", "", {
    file: antiEntropy,
    search: "return isFound || (replica.isReceiving && !areAllAsked);",
    replace: "return false;",
  }),
  bug(
    "the counter of passes is not compared",
    "src/sync/standing.ts",
    "recorded.some((seen) => seen > pass)",
    "recorded.some((seen) => seen < 0)",
  ),
  bug(
    "a partition is not asked for what it has confirmed",
    "src/sync/standing.ts",
    "if (!(await lacksWitnesses(replica, replicas, runtime))) return false;",
    "return false;",
  ),
  bug(
    "a partition's own counter is read before the others'",
    "src/sync/standing.ts",
    "  const others =",
    `  const { pass, isComplete } = await replica.use((partition) => partition.progress());
  const others =`,
    {
      file: "src/sync/standing.ts",
      search: `  // Last, because it is counted here before the others record it.
  const { pass, isComplete } = await replica.use((partition) => partition.progress());
`,
      replace: "",
    },
  ),
  bug(
    "whether a partition was set back is not judged anew for a pass",
    antiEntropy,
    "const isFound = await isReceiving(replica, replicas, runtime);",
    "const isFound = replica.isReceiving;",
  ),
  bug(
    "a pass counts for a partition that it did not cover",
    antiEntropy,
    "covered.get(replica) !== true || replica.visit !== visit",
    "replica.visit !== visit",
    {
      file: antiEntropy,
      search: "for (const replica of lacking(replicas, digests, members)) covered.set(replica, false);",
      replace: "for (const { replica } of members) covered.set(replica, true);",
    },
  ),
  bug(
    "a partition that was set back does not get its floor back",
    antiEntropy,
    "partition.raise({ writeFloor: floor, floor })",
    "partition.raise({})",
  ),
  bug("ghosts are taken for records", difference, "const isGhost =\n    isOld &&", "const isGhost =\n    false &&"),
  bug(
    "a pass takes any version for the newest",
    difference,
    "compareVersions(each.version, newest.version) > 0) newest = each",
    "compareVersions(each.version, newest.version) < 0) newest = each",
  ),
  bug("an expired record counts the same as an older live one", difference, "if (areOthersEmpty && (", "if (("),

  // --- Purge ---
  bug(
    "the floor rises over hints that are owed",
    purge,
    "if (old !== undefined) return",
    "if (old === null) return",
    {
      file: memory,
      search: "hints.some((hint) => hint.version.stamp <= floor)) return false;",
      replace: "hints.some((hint) => hint.version.stamp < 0n)) return false;",
    },
    { file: purge, search: "if (!(await this.#options.antiEntropy.isEqualUpTo(floor)))", replace: "if (floor < 0n)" },
  ),
  bug(
    "the purge does without the partitions that are away",
    purge,
    "if (unsteady !== undefined) return",
    "if (unsteady === null) return",
    {
      file: purge,
      search: "const { replicas, topology } = this.#options.replicas;",
      replace: `const { topology } = this.#options.replicas;
    const replicas = this.#options.replicas.replicas.filter((replica) => replica.isSteady);`,
    },
    {
      file: antiEntropy,
      search:
        "if (members.length < replicas.replicas.length || members.some((member) => member.isReceiving)) return false;",
      replace: "",
    },
  ),
  bug(
    "each partition purges what is old, without any floor",
    memory,
    "const { floor } = this.#state.progress;\n    const floorTime",
    "const floor = 2n ** 62n;\n    const floorTime",
  ),

  // --- Changes of the topology ---
  bug(
    "a write of another epoch is decided",
    decide,
    "if (write.epoch !== epoch) return",
    "if (write.epoch < 0) return",
  ),
  bug(
    "those who gain keys are owed nothing",
    store,
    "const owners = this.#replicas.owners(bucket);",
    "const owners = this.#replicas.of(bucket);",
  ),
  bug(
    "a former home is believed that there is nothing to change",
    store,
    "if (!(await this.#options.topologies.confirm(home, epoch).catch(rethrow))) continue;",
    "",
  ),
];
