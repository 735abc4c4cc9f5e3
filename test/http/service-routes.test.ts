import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { problem, put, type Serving, serve } from "./serving.ts";

describe("the service pages", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve({}, { partitions: 2, replicas: 1 });
  });
  after(() => serving.close());

  it("/status tells the partitions, in the format asked for", async () => {
    const status = (await (await serving.request("/status")).json()) as {
      ready: boolean;
      partitions: { name: string }[];
    };
    assert.equal(status.ready, true);
    assert.deepEqual(
      status.partitions.map(({ name }) => name),
      ["p1", "p2"],
    );
    const page = await serving.request("/status", { headers: { Accept: "text/html" } });
    assert.match(await page.text(), /<h1>Status: ready<\/h1>/);
    assert.equal(page.headers.get("Vary"), "Accept");
    assert.equal((await serving.request("/status?format=raw")).status, 406);
  });

  it("/readyz says what is missing, while /healthz stays well", async () => {
    assert.equal((await serving.request("/readyz")).status, 200);
    serving.partitions[0]!.faults.isDown = true;
    for (let number = 0; (await serving.request("/readyz")).status === 200; number++)
      await put(serving, `k${number}`, "x");
    const unready = await serving.request("/readyz");
    assert.deepEqual([unready.status, unready.headers.get("Retry-After")], [503, "1"]);
    assert.match(await unready.text(), /p1: /);
    assert.equal(await (await serving.request("/healthz")).text(), "healthy\n");
    serving.partitions[0]!.faults.isDown = false;
    while ((await serving.request("/readyz")).status !== 200) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("/metrics counts requests by route, method and class of status, never by key", async () => {
    await put(serving, "secret-key", "x");
    await serving.request("/kv/missing-key");
    await serving.request("/some/unknown/page");
    const response = await serving.request("/metrics");
    assert.match(response.headers.get("Content-Type")!, /^text\/plain; version=/);
    const text = await response.text();
    assert.match(text, /^kvasir_http_requests_total\{method="PUT",route="\/kv\/\{key\}",status="2xx"\} [1-9]/m);
    assert.match(text, /^kvasir_http_requests_total\{method="GET",route="\/kv\/\{key\}",status="4xx"\} [1-9]/m);
    assert.match(text, /^kvasir_http_request_seconds_count\{method="PUT",route="\/kv\/\{key\}"\} [1-9]/m);
    assert.match(text, /^kvasir_http_requests_in_flight 1$/m);
    assert.doesNotMatch(text, /secret-key|missing-key|unknown\/page/);
  });

  it("/metrics tells what the store knows of its partitions, asking it at most once a second", async () => {
    const { partitions } = serving;
    const text = await (await serving.request("/metrics")).text();
    assert.match(text, /^kvasir_ready 1$/m);
    assert.match(text, /^kvasir_partition_steady\{partition="p1"\} 1$/m);
    assert.match(text, /^kvasir_partition_latency_seconds\{partition="p2"\} [0-9.e-]+$/m);
    assert.match(text, /^kvasir_hints_owed\{partition="p1",target="p2"\} 0$/m);
    assert.match(text, /^kvasir_hints_oldest_age_seconds\{partition="p2",target="p1"\} 0$/m);
    for (const name of ["hints_delivered", "writes_discarded", "writes_unknown", "versions_future"])
      assert.match(text, new RegExp(`^kvasir_${name}_total [0-9]+$`, "m"));
    assert.match(text, /^kvasir_records_set_aside 0$/m);
    assert.doesNotMatch(text, /^kvasir_pass_records /m, "there was no pass yet");
    const asked = partitions[0]!.calls.get("owed") ?? 0;
    const started = performance.now();
    for (let count = 0; count < 20; count++) await serving.request("/metrics");
    const secondsBegun = Math.ceil((performance.now() - started) / 1000);
    assert.ok((partitions[0]!.calls.get("owed") ?? 0) <= asked + secondsBegun);
  });

  it("/metrics tells of passes and purges, and of hints that are owed", async () => {
    const owing = await serve({}, { partitions: 2 });
    try {
      owing.partitions[0]!.faults.refusesDeliveries = true;
      owing.partitions[1]!.faults.refusesDeliveries = true;
      await put(owing, "a", "x");
      const pass = { at: Date.now() - 5000, tookMs: 1, records: 7, differing: 2, mended: 1, ghosts: 0, misplaced: 0 };
      const sizes = { p1: { keys: 6, bytes: 700 }, p2: { keys: 7, bytes: 800 } };
      owing.store.sync.lastPass = { ...pass, damaged: [], missing: [], sizes };
      owing.store.sync.lastPurge = { at: Date.now() - 5000, purged: 0, blocked: "a partition is away" };
      const text = await (await owing.request("/metrics")).text();
      assert.match(text, /^kvasir_hints_owed\{partition="p[12]",target="p[12]"\} 1$/m);
      assert.match(text, /^kvasir_topology_epoch [0-9]+$/m);
      assert.match(text, /^kvasir_partition_keys\{partition="p1"\} 6$/m);
      assert.match(text, /^kvasir_partition_value_bytes\{partition="p2"\} 800$/m);
      assert.match(text, /^kvasir_pass_records 7$/m);
      assert.match(text, /^kvasir_pass_differing 2$/m);
      assert.match(text, /^kvasir_pass_mended 1$/m);
      assert.match(text, /^kvasir_pass_age_seconds ([5-9]|[1-9][0-9])\b/m);
      assert.match(text, /^kvasir_purge_blocked 1$/m);
    } finally {
      await owing.close();
    }
  });

  it("/openapi.json describes the paths that are there", async () => {
    const response = await serving.request("/openapi.json");
    assert.equal(response.headers.get("Content-Type"), "application/json");
    const { openapi, paths } = (await response.json()) as {
      openapi: string;
      paths: { [path: string]: { [method: string]: object } };
    };
    assert.match(openapi, /^3\.1/);
    for (const [path, operations] of Object.entries(paths)) {
      const allowed = async (target: string) =>
        (await serving.request(target, { method: "OPTIONS" })).headers.get("Allow")!.split(", ");
      const methods = new Set(await allowed(path.replace("{key}", "k")));
      // It has those of one key too, by `?key=`.
      if (path === "/kv") for (const method of await allowed("/kv?key=k")) methods.add(method);
      assert.deepEqual(
        Object.keys(operations)
          .map((name) => name.toUpperCase())
          .sort(),
        [...methods].sort(),
        path,
      );
    }
  });

  const paths: { readonly [path: string]: string } = {
    "/kv": "GET, HEAD, POST, DELETE, OPTIONS",
    "/batch": "POST, OPTIONS",
    "/status": "GET, HEAD, OPTIONS",
    "/replicas": "GET, HEAD, OPTIONS",
    "/replicas/k": "GET, HEAD, OPTIONS",
    "/healthz": "GET, HEAD, OPTIONS",
  };
  for (const [path, allow] of Object.entries(paths)) {
    it(`${path} allows ${allow} and nothing else`, async () => {
      assert.equal((await serving.request(path, { method: "OPTIONS" })).headers.get("Allow"), allow);
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
        if (allow.includes(method)) continue;
        const response = await serving.request(path, { method });
        assert.deepEqual([response.status, (await problem(response)).code], [405, "method_not_allowed"]);
        assert.equal(response.headers.get("Allow"), allow);
      }
    });
  }

  it("an unknown page is 404 for every method", async () => {
    for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
      const response = await serving.request("/KV/a", { method });
      assert.deepEqual([response.status, (await problem(response)).code], [404, "no_such_page"]);
    }
  });
});
