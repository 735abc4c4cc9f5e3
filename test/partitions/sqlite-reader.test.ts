import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, beforeEach, describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { type Large, smallBytesMax } from "../../src/partition.ts";
import { SqlitePartition } from "../../src/partitions/sql/sqlite-partition.ts";
import type { Record } from "../../src/record.ts";

describe("reads of a SQLite partition that share a turn of the event loop", () => {
  const folder = mkdtempSync(join(tmpdir(), "kvasir-reader-"));
  const file = join(folder, "p1.db");
  const partition = new SqlitePartition("p1", file);
  let other: DatabaseSync;

  before(async () => {
    await partition.initialise({ cluster: "c", partition: "p1" });
    await partition.open();
    other = new DatabaseSync(file);
  });
  after(async () => {
    other.close();
    await partition.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    await put("old");
    await nextTurn();
  });

  it("see the partition as the turn found it, until the next one", async () => {
    assert.equal(arriving(), "old");
    assert.equal(arriving(), "old");
    changeFromOutside();
    assert.equal(arriving(), "old");
    await nextTurn();
    assert.equal(arriving(), "new");
  });

  it("see what changed when a read asks for what is there now", () => {
    assert.equal(arriving(), "old");
    assert.equal(arriving(), "old");
    changeFromOutside();
    assert.equal(text(partition.readNow("k")), "new");
    assert.equal(arriving(), "new");
  });

  it("see a write as soon as its outcome is known", async () => {
    assert.equal(arriving(), "old");
    assert.equal(arriving(), "old");
    await put("ours");
    assert.equal(arriving(), "ours");
  });

  it("leave nothing behind that keeps the log from being emptied", async () => {
    arriving();
    arriving();
    await nextTurn();
    await put("more");
    const [result] = other.prepare("PRAGMA wal_checkpoint(TRUNCATE)").all();
    assert.equal(result?.busy, 0);
  });

  it("give values of all kinds of bytes as they were written", async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: "binary" }).map((value) => Buffer.from(value)),
      fc.string({ unit: "binary-ascii" }).map((value) => Buffer.from(value)),
      fc.constantFrom(0, 1, 1023, 1024, 1025, smallBytesMax).map((length) => Buffer.alloc(length, "x")),
      fc.constantFrom("\ufffd", "a\0b", "\0", "\ufeffa", "ü").map((value) => Buffer.from(value)),
      fc
        .constantFrom([0xff], [0xc3, 0x41], [0x80, 0x80], [0xed, 0xa0, 0x80], [0xf8])
        .map((value) => Buffer.from(value)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { minLength: 1, maxLength: 3 }), async (values) => {
        for (const value of values) {
          await put(value);
          for (const isArriving of [true, false]) {
            const found = (partition.readNow("k", isArriving) as Record).value;
            assert.deepEqual(Buffer.from(found), Buffer.from(value));
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  const arriving = () => text(partition.readNow("k", true));

  function text(record: Record | Large | undefined): string | undefined {
    return record && Buffer.from((record as Record).value).toString();
  }

  function changeFromOutside(): void {
    other.prepare("UPDATE records SET value = ?").run(Buffer.from("new"));
  }

  async function put(value: string | Uint8Array): Promise<void> {
    const content = { isTombstone: false, value: Buffer.from(value), type: "text/plain", metadata: "", expires: 0 };
    const now = Date.now();
    const write = { key: "k", content, stamp: BigInt(now) << 16n, now, writer: 1, owed: [], standIn: false, epoch: 0 };
    const [outcome] = await partition.write([write]);
    assert.equal(outcome?.kind, "applied");
  }
});
