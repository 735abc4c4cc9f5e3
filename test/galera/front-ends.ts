import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Server, startServer, temporaryFolder } from "../cli/kvasir.ts";
import { pause, startWorkload, valueAt } from "../faults/workload.ts";
import type { Bench } from "./galera.test.ts";

/** For the part of the workload after each fault. */
const writesMore = 150;

/** Front ends whose only partition is the cluster, while its members fail. */
export function frontEndClaims(bench: Bench): void {
  describe("front ends", () => {
    const folder = temporaryFolder();
    const servers: Server[] = [];
    let urls: string[] = [];

    before(async () => {
      const { members } = bench.cluster;
      await members[0]!.createDatabase("test_kvasir");
      // The second front end prefers another member, as one that cannot reach the first would.
      for (const first of [0, 1]) {
        const hosts = members.map((_, turn) => `127.0.0.1:${members[(first + turn) % members.length]!.port}`);
        servers.push(await serve(folder.path, `front-end-${first}`, hosts.join(",")));
      }
      urls = servers.map(({ url }) => url);
    });

    after(async () => {
      for (const server of servers) await server.stop("SIGKILL");
      await folder.remove();
    });

    async function serve(parent: string, name: string, hosts: string): Promise<Server> {
      const cwd = join(parent, name);
      mkdirSync(cwd);
      const { user, password } = bench.cluster.members[0]!;
      const partition = `[partition-1]\nurl = "mysql://${user}@${hosts}/kvasir"\npassword = "${password}"\n`;
      writeFileSync(join(cwd, "kvasir.toml"), `partitions = 1\ndurability = "strict"\n\n${partition}`);
      return startServer(cwd);
    }

    it("lose no acknowledged write when the member in use is killed, frozen, and returns", async () => {
      const { members } = bench.cluster;
      const workload = startWorkload(urls, 6);
      const untilWritten = async (more: number) => {
        const count = workload.acknowledged + more;
        while (workload.acknowledged < count) await pause(20);
      };
      await untilWritten(writesMore);
      await members[0]!.kill();
      await untilWritten(writesMore);
      await bench.cluster.rejoin(0);
      await untilWritten(writesMore);
      members[1]!.pause();
      await untilWritten(writesMore);
      members[1]!.resume();
      await bench.cluster.untilReady(3);
      await untilWritten(writesMore);
      await workload.stop();
      for (const url of urls) await workload.check((key) => valueAt(url, key));
      const tables = await Promise.all(members.map((member) => member.show(checksum)));
      assert.equal(new Set(tables.map((table) => table.get("records"))).size, 1, "members differ");
    });

    it("that use different members let exactly one of many create a key, and lose no update", async () => {
      for (let round = 0; round < 5; round++) {
        const created = await Promise.all(
          Array.from({ length: 6 }, (_, index) =>
            fetch(`${urls[index % 2]}/kv/lock-${round}`, {
              method: "PUT",
              body: String(index),
              headers: { "if-none-match": "*" },
            }),
          ),
        );
        const codes = created.map(({ status }) => status).filter((status) => status !== 503);
        assert.deepEqual(
          [codes.filter((code) => code === 201).length, codes.every((code) => [201, 412].includes(code))],
          [1, true],
        );
      }
      const counts = await Promise.all(urls.flatMap((url) => [increment(url), increment(url)]));
      const sum = counts.reduce((total, count) => total + count, 0);
      for (const url of urls) assert.equal(await valueAt(url, "count"), String(sum));
    });
  });
}

const checksum =
  "SELECT 'records' AS Variable_name, CONCAT(COUNT(*), ' ', SUM(fingerprint), ' ', SUM(fingerprint2)) AS Value FROM test_kvasir.records";

/** Adds one to the key `count`, a few times, as clients do: read, and write when nobody has meanwhile. */
async function increment(url: string): Promise<number> {
  let applied = 0;
  for (let round = 0; round < 10; round++) {
    const read = await fetch(`${url}/kv/count`);
    const text = await read.text();
    const etag = read.headers.get("etag");
    const headers: Record<string, string> = read.status === 404 ? { "if-none-match": "*" } : { "if-match": etag! };
    const body = String(read.status === 404 ? 1 : Number(text) + 1);
    const { status } = await fetch(`${url}/kv/count`, { method: "PUT", body, headers });
    assert.ok([201, 204, 412, 503].includes(status), `${status}`);
    if (status < 300) applied++;
  }
  return applied;
}
