import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { problem, type Serving, serve } from "../http/serving.ts";
import { startBrowser } from "../support/chromium.ts";

const app = "https://app.example";
const other = "https://other.example";
const asking = { Origin: app, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "if-match" };

describe("pages of other origins", () => {
  let serving: Serving;
  let closed: Serving;
  before(async () => {
    serving = await serve({ corsOrigins: [app] });
    closed = await serve();
  });
  after(() => Promise.all([serving.close(), closed.close()]));
  const write = (headers: { [name: string]: string }, { url } = serving) =>
    fetch(`${url}/kv/a`, { method: "PUT", body: "x", headers });
  const corsFields = ({ headers }: Response) => [...headers.keys()].filter((name) => name.startsWith("access-control"));

  it("that are configured may write and read all headers, of answers of every kind, but without credentials", async () => {
    const stored = await write({ Origin: app, "Sec-Fetch-Site": "cross-site", "Kvasir-Meta-Owner": "ann" });
    assert.equal(stored.status, 201);
    for (const path of ["/kv/a", "/kv/none", "/kv", "/status", "/no/page", "/kv/%ff", "/metrics"]) {
      const answer = await serving.request(path, { headers: { Origin: app } });
      assert.equal(answer.headers.get("Access-Control-Allow-Origin"), app, path);
      assert.equal(answer.headers.get("Access-Control-Expose-Headers"), "*", path);
      assert.equal(answer.headers.get("Access-Control-Allow-Credentials"), null, path);
      assert.match(answer.headers.get("Vary")!, /\bOrigin$/, path);
    }
  });

  it("are told what they may send before anything else, a token included", async () => {
    await serving.store.tokens.create({ name: "a", scopes: ["read"], prefixes: [] });
    for (const path of ["/kv/a", "/kv", "/batch", "/unstorage/a/b"]) {
      const answer = await serving.request(path, { method: "OPTIONS", headers: asking });
      assert.equal(answer.status, 204, path);
      assert.equal(answer.headers.get("Access-Control-Allow-Origin"), app);
      assert.equal(answer.headers.get("Access-Control-Allow-Methods"), "GET, HEAD, PUT, POST, PATCH, DELETE");
      assert.equal(answer.headers.get("Access-Control-Allow-Headers"), "*, Authorization");
      assert.equal(answer.headers.get("Access-Control-Max-Age"), "7200");
    }
    const refused = await serving.request("/kv/a", { headers: { Origin: app } });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers.get("Access-Control-Allow-Origin"), app);
  });

  it("that are not get nothing, and caches are told that it depends", async () => {
    for (const origin of [other, "null", `${app}.evil.example`, "http://app.example", `${app}:8443`, "", "*"]) {
      const answer = await serving.request("/healthz", { headers: { Origin: origin } });
      assert.deepEqual(corsFields(answer), [], origin);
      assert.equal(answer.headers.get("Vary"), "Origin");
      const asked = await serving.request("/kv/a", { method: "OPTIONS", headers: { ...asking, Origin: origin } });
      assert.deepEqual(corsFields(asked), [], origin);
      const refused = await write({ Origin: origin });
      assert.deepEqual([refused.status, (await problem(refused)).code], [403, "cross_site"], origin);
    }
    assert.equal((await serving.request("/healthz")).headers.get("Vary"), "Origin");
  });

  it("get nothing at all where none is configured", async () => {
    const asked = await closed.request("/kv/a", { method: "OPTIONS", headers: asking });
    const read = await closed.request("/kv/a", { headers: { Origin: app } });
    for (const answer of [asked, read]) assert.deepEqual(corsFields(answer), []);
    assert.equal(read.headers.get("Vary"), "Accept");
    assert.equal((await write({ Origin: app }, closed)).status, 403);
  });
});

describe("a browser", () => {
  let browser: Browser;
  let site: Server;
  let page: Page;
  let open: Serving;
  let closed: Serving;
  before(async () => {
    site = createServer((_request, response) => {
      response.setHeader("Content-Type", "text/html").end("<!doctype html><title>another site</title>");
    }).listen(0, "127.0.0.1");
    await once(site, "listening");
    // Another name is another site, where a mere port would not be.
    const origin = `http://localhost:${(site.address() as AddressInfo).port}`;
    open = await serve({ corsOrigins: [origin] });
    closed = await serve();
    browser = await startBrowser();
    page = await browser.newPage();
    await page.goto(origin);
  });
  after(async () => {
    await browser?.close();
    site.close();
    await Promise.all([open.close(), closed.close()]);
  });

  /** Writes and reads with a token of a page's own, and gives what the page sees. */
  const use = ({ url }: Serving, token: string) =>
    page.evaluate(
      async ([url, token]) => {
        const Authorization = `Bearer ${token}`;
        try {
          const written = await fetch(`${url}/kv/a`, {
            method: "PUT",
            body: "from afar",
            headers: { Authorization, "Kvasir-Meta-Owner": "ann", "Idempotency-Key": "1" },
          });
          const read = await fetch(`${url}/kv/a`, { headers: { Authorization } });
          const fields = ["ETag", "Kvasir-Version", "Kvasir-Meta-Owner"].map((name) => read.headers.get(name));
          return [written.status, written.headers.get("Kvasir-Existed"), await read.text(), ...fields];
        } catch (error) {
          return [String(error)];
        }
      },
      [url, token] as const,
    );
  const newToken = async ({ store }: Serving) =>
    (await store.tokens.create({ name: "page", scopes: ["read", "write"], prefixes: [] })).text;

  it("lets a page of a configured origin write and read, and sees all headers", async () => {
    const [status, existed, text, etag, version, owner] = await use(open, await newToken(open));
    assert.deepEqual([status, existed, text, owner], [201, "false", "from afar", "ann"]);
    assert.equal(etag, `"${version}"`);
  });

  it("keeps a page of any other origin from both", async () => {
    assert.deepEqual(await use(closed, await newToken(closed)), ["TypeError: Failed to fetch"]);
    assert.equal(await closed.store.get("a"), undefined);
  });
});
