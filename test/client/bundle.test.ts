import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { build, stop } from "esbuild-wasm";

const gzippedBytesMax = 6 * 1024;

/** What a bundler makes of `code` for a browser, minified. It fails on anything that only Node has. */
async function bundle(code: string, format: "esm" | "iife" = "esm"): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: "src/client", loader: "ts" },
    bundle: true,
    minify: true,
    write: false,
    platform: "browser",
    format,
    target: "es2022",
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}

describe("the client's bundle", () => {
  after(() => stop());

  it(`is below ${gzippedBytesMax} bytes, minified and compressed`, async (t) => {
    const size = gzipSync(await bundle('export * from "./index.ts";')).length;
    t.diagnostic(`${size} bytes`);
    assert.ok(size > 500 && size < gzippedBytesMax, `${size} bytes`);
  });

  it("leaves out what is not used", async () => {
    const error = await bundle('export { KvasirError } from "./index.ts";');
    assert.match(error, /mayHaveApplied/);
    assert.doesNotMatch(error, /Idempotency-Key|\/batch/);
    assert.equal((await bundle('import "./index.ts";')).trim(), "");
  });

  it("runs where there is nothing but what browsers and edge runtimes have", async () => {
    const code = await bundle(
      `import { KvasirClient } from "./index.ts";
      const kv = new KvasirClient({ url: "http://127.0.0.1:7070", fetch: answer });
      result = kv.put("a/../b", new Uint8Array([1]), { ttl: "1m" }).then(() => kv.batch([{ op: "get", key: "a" }]));`,
      "iife",
    );
    const requests: string[] = [];
    const answer = async (url: string, { method }: RequestInit) => {
      requests.push(`${method} ${url}`);
      return new Response('{"results":[{"status":200,"key":"a","value":"/w==","encoding":"base64","type":"x/y"}]}');
    };
    const web = { AbortController, AbortSignal, Headers, TextDecoder, TextEncoder, atob, btoa, clearTimeout, crypto };
    const context = createContext({ ...web, performance, setTimeout, answer, result: undefined });
    runInContext(code, context);
    const [found] = await context.result;
    assert.equal(found.entry.bytes[0], 255);
    assert.deepEqual(requests, [
      "PUT http://127.0.0.1:7070/kv?key=a%2F..%2Fb&ttl=1m",
      "POST http://127.0.0.1:7070/batch",
    ]);
  });
});

describe("the client's source", () => {
  it("has the types of the web alone, and none of Node's", async () => {
    const compiler = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.client.json"];
    await promisify(execFile)(process.execPath, compiler).catch(({ stdout }) => assert.fail(stdout));
  });
});
