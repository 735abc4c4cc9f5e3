import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { prettyJson } from "../../src/http/pages/pretty-json.ts";
import { problem, put, type Serving, serve } from "./serving.ts";

describe("the pages", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve({}, { partitions: 2 });
  });
  after(() => serving.close());

  const page = async (path: string) => (await serving.request(path, { headers: { Accept: "text/html" } })).text();
  const styleSheet = async () => /href="(\/ui\/[^"]+\/kvasir\.css)"/.exec(await page("/kv"))![1]!;

  it("begin at /, which leads to the keys", async () => {
    const response = await serving.request("/", { redirect: "manual" });
    assert.deepEqual([response.status, response.headers.get("Location")], [303, "/kv?delimiter=/"]);
    assert.match(await page("/"), /<title>Keys · Kvasir<\/title>/);
  });

  it("keep their files in browsers for ever, under an address that changes with them", async () => {
    const address = await styleSheet();
    const response = await serving.request(address);
    assert.equal(response.headers.get("Content-Type"), "text/css; charset=utf-8");
    assert.equal(response.headers.get("Cache-Control"), "public, max-age=31536000, immutable");
    assert.equal(response.headers.get("X-Content-Type-Options"), "nosniff");
    assert.match(await response.text(), /--accent/);
  });

  it("give a page of another release what is here, for once", async () => {
    const response = await serving.request("/ui/000000000000/kvasir.css");
    assert.deepEqual([response.status, response.headers.get("Cache-Control")], [200, "no-store"]);
    await response.body?.cancel();
  });

  const encodings: readonly (readonly [string, string | null])[] = [
    ["gzip, deflate, br", "gzip"],
    ["*", "gzip"],
    ["gzip;q=0", null],
    ["br", null],
    ["", null],
  ];
  for (const [accepted, encoding] of encodings) {
    it(`compress their files for "${accepted}": ${encoding !== null}`, async () => {
      const { get } = await import("node:http");
      const address = await styleSheet();
      const [headers, body] = await new Promise<[{ [name: string]: unknown }, Buffer]>((resolve, reject) => {
        const request = get(serving.url + address, { headers: { "Accept-Encoding": accepted } }, async (response) => {
          resolve([response.headers, Buffer.concat(await response.toArray())]);
        });
        request.on("error", reject);
      });
      assert.equal(headers["content-encoding"] ?? null, encoding);
      assert.equal(headers.vary, "Accept-Encoding");
      const text = (encoding === null ? body : gunzipSync(body)).toString();
      assert.match(text, /prefers-color-scheme: dark/);
    });
  }

  for (const path of [
    "/ui/",
    "/ui/x",
    "/ui/x/package.json",
    "/ui/x/../../http/server.ts",
    "/ui/x/%2e%2e%2fserver.ts",
  ]) {
    it(`have no other file at ${path}`, async () => {
      assert.deepEqual([(await problem(await serving.request(path))).code], ["no_such_page"]);
    });
  }

  it("count all of their files as one route", async () => {
    await serving.request("/ui/x/secret-name.css", { method: "POST" });
    await serving.request("/ui/x/secret-name.css");
    const text = await (await serving.request("/metrics")).text();
    assert.match(text, /route="\/ui\/\*"/);
    assert.doesNotMatch(text, /secret-name/);
  });

  it("show the API with nothing but files of their own", async () => {
    const response = await serving.request("/docs");
    const policy = response.headers.get("Content-Security-Policy")!;
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;/);
    const text = await response.text();
    for (const name of ["swagger-ui.js", "swagger-ui.css"]) {
      const file = await serving.request(new RegExp(`"(/ui/[^"]+/${name})"`).exec(text)![1]!);
      assert.ok((await file.arrayBuffer()).byteLength > 100_000);
    }
  });

  it("show no value as anything that could act", async () => {
    await put(serving, "page", "<script>alert(1)</script>", { "Content-Type": "text/html" });
    const text = await page("/kv/page?format=html");
    assert.ok(text.includes("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert.ok(!text.includes("<script>alert"));
  });

  it("show images from their bytes, and only images", async () => {
    await put(serving, "a b.png", new Uint8Array([0x89, 0x50, 0xff]), { "Content-Type": "image/png" });
    assert.match(await page("/kv/a%20b.png?format=html"), /<img src="\/kv\/a%20b\.png\?format=raw" alt="[^"]+">/);
    await put(serving, "no.png", new Uint8Array([0x89, 0x50, 0xff]), { "Content-Type": "image/x-photo" });
    assert.match(await page("/kv/no.png?format=html"), /<pre class="value hex"[^>]*>\n00000000 {2}89 50 ff /);
  });

  it("show the beginning of what is large", async () => {
    await put(serving, "text", `${"x".repeat(49_151)}😀${"y".repeat(100_000)}`);
    const text = await page("/kv/text");
    assert.ok(text.length < 100_000);
    assert.match(text, /x<\/pre>\n<p class="quiet">This is the beginning/);
    await put(serving, "bytes", new Uint8Array(5000).fill(0xff));
    assert.match(await page("/kv/bytes"), /000003f0 {2}.*<\/pre>\n<p class="quiet">The first 1024 bytes/);
  });

  it("lead from a list to the page of a value that browsers would rather show themselves", async () => {
    const list = await page("/kv?prefix=");
    assert.ok(list.includes('href="/kv/page?format=html"'));
    assert.ok(list.includes('href="/kv/text"'));
  });

  it("lead from a page of a list back to the first", async () => {
    const first = await page("/kv?limit=1&prefix=&delimiter=/&reverse");
    const next = /rel="next" href="([^"]+)"/.exec(first)![1]!.replaceAll("&amp;", "&");
    const back = /rel="first" href="([^"]+)"/.exec(await page(next))![1]!.replaceAll("&amp;", "&");
    assert.deepEqual(
      (await page(back)).match(/<td><a class="key".*/g),
      first.match(/<td><a class="key".*/g),
      "the first page again",
    );
  });
});

describe("prettyJson", () => {
  it("changes nothing but the space between tokens", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        assert.equal(prettyJson(text, Number.POSITIVE_INFINITY), JSON.stringify(JSON.parse(text), null, 2));
      }),
    );
    assert.equal(
      prettyJson('{"n":12345678901234567890,"n":1.0}', 100),
      '{\n  "n": 12345678901234567890,\n  "n": 1.0\n}',
    );
  });

  it("stops soon after the length that is wanted, however deep the nesting", () => {
    const text = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    assert.ok(prettyJson(text, 1000).length < 1200);
  });
});
