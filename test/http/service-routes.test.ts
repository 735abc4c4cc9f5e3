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
    assert.doesNotMatch(text, /secret-key|missing-key|unknown/);
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
      const allowed = (await serving.request(path.replace("{key}", "k"), { method: "OPTIONS" })).headers.get("Allow");
      for (const method of Object.keys(operations).map((name) => name.toUpperCase())) {
        // `/kv` has those of one key too, by `?key=`.
        const isByQuery = path === "/kv" && ["PUT", "PATCH"].includes(method);
        if (!isByQuery) assert.ok(allowed?.includes(method), `${method} ${path}: ${allowed}`);
      }
    }
  });

  const paths: { readonly [path: string]: string } = {
    "/kv": "GET, HEAD, POST, DELETE, OPTIONS",
    "/batch": "POST, OPTIONS",
    "/status": "GET, HEAD, OPTIONS",
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
