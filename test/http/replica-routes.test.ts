import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "../support/memory-store.ts";
import { exchange, problem, put, type Serving, serve } from "./serving.ts";

interface Replicas {
  readonly key: string;
  readonly replicas: { readonly partition: string; readonly state: string; readonly [name: string]: string }[];
}

describe("the replicas of a key", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve({}, { partitions: 3 });
  });
  after(() => serving.close());

  const replicas = async (key: string) =>
    (await (await serving.request(`/replicas/${encodeURIComponent(key)}`)).json()) as Replicas;
  const records = async (key: string) => (await replicas(key)).replicas.map(({ record }) => record);

  it("are listed with what each of them holds, home first", async () => {
    const written = await serving.request("/kv/a%2Fb?w=all", { method: "PUT", body: "x" });
    const found = await replicas("a/b");
    assert.equal(found.key, "a/b");
    assert.deepEqual(found.replicas.map(({ partition }) => partition).sort(), ["p1", "p2", "p3"]);
    for (const { state, record, version, modified, ...rest } of found.replicas) {
      assert.deepEqual([state, record, version], ["steady", "live", written.headers.get("Kvasir-Version")]);
      assert.match(modified!, /^\d{4}-\d\d-\d\dT/);
      assert.deepEqual(Object.keys(rest), ["partition"]);
    }
  });

  it("tell tombstones, what has expired, and what is absent apart", async () => {
    assert.deepEqual(await records("none"), ["absent", "absent", "absent"]);
    await serving.request("/kv/gone?w=all", { method: "DELETE" });
    assert.deepEqual(await records("gone"), ["tombstone", "tombstone", "tombstone"]);
    await serving.request("/kv/short?w=all&ttl=1ms", { method: "PUT", body: "x" });
    await eventually(async () => (await serving.request("/kv/short")).status === 404);
    const [first] = (await replicas("short")).replicas;
    assert.equal(first!.record, "expired");
    assert.ok(Date.parse(first!.expires!) <= Date.now());
  });

  it("show one that lags behind, and one that cannot be asked", async () => {
    const behind = serving.partitions[2]!;
    for (const { faults } of serving.partitions) faults.refusesDeliveries = true;
    await put(serving, "lag", "x");
    const lagging = (await records("lag")).toSorted();
    assert.deepEqual(lagging, ["absent", "absent", "live"]);
    for (const { faults } of serving.partitions) faults.refusesDeliveries = false;
    behind.faults.isDown = true;
    const [away] = (await replicas("other")).replicas.filter(({ partition }) => partition === "p3");
    assert.equal(away!.record, "unknown");
    assert.equal((await replicas("other")).replicas.find(({ partition }) => partition === "p3")!.state, "away");
    behind.faults.isDown = false;
  });

  it("are found for any key, in a path and in a query", async () => {
    const keys = ["a//b", "a/../b", "..", "%2F", "ключ 🐦", "a+b"];
    for (const key of keys) {
      const response = await serving.request(`/replicas?key=${encodeURIComponent(key)}`);
      assert.equal(((await response.json()) as Replicas).key, key);
    }
    const raw = await exchange(
      serving.port,
      "GET /replicas//a/../b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert.match(raw, /"key":"\/a\/\.\.\/b"/);
  });

  it("come in the format asked for", async () => {
    const text = async (format: string) => (await serving.request(`/replicas/a%2Fb?format=${format}`)).text();
    assert.match(await text("xml"), /<record><key>a\/b<\/key><replicas><replica><partition>p\d<\/partition>/);
    assert.match(await text("html"), /<h1>Replicas of <a [^>]*>a\/b<\/a><\/h1>.*<td>live<\/td>/s);
    assert.match(await text("txt"), /^a\/b\nPartition {2}State .*\np\d +\w+ +live +[0-9a-z]+-/);
    const response = await serving.request("/replicas/a", { headers: { Accept: "text/html" } });
    assert.equal(response.headers.get("Vary"), "Accept");
    assert.equal((await serving.request("/replicas/a?format=raw")).status, 406);
  });

  const refused: { readonly [target: string]: [status: number, code: string] } = {
    "/replicas": [400, "invalid_query"],
    "/replicas/": [400, "invalid_key"],
    "/replicas/a?key=b": [400, "invalid_query"],
    "/replicas/a?r=all": [400, "invalid_query"],
    [`/replicas/${"x".repeat(1025)}`]: [414, "key_too_long"],
    "/replicasa": [404, "no_such_page"],
  };
  for (const [target, [status, code]] of Object.entries(refused)) {
    it(`are refused as ${code} at ${target.slice(0, 30)}`, async () => {
      const response = await serving.request(target);
      assert.deepEqual([response.status, (await problem(response)).code], [status, code]);
    });
  }

  it("answer HEAD without a body", async () => {
    const response = await serving.request("/replicas/a", { method: "HEAD" });
    assert.deepEqual([response.status, await response.text()], [200, ""]);
  });
});
