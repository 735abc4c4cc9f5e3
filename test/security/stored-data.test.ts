import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { exchange, type Serving, serve } from "../http/serving.ts";

let serving: Serving;
before(async () => {
  serving = await serve();
});
after(() => serving.close());

const json = { "Content-Type": "application/json" };
const formats = ["json", "xml", "html", "txt"];

async function put(key: string, body: Uint8Array<ArrayBuffer> | string, headers: { [name: string]: string } = {}) {
  const response = await serving.request(`/kv?key=${encodeURIComponent(key)}`, { method: "PUT", body, headers });
  assert.ok([201, 204].includes(response.status), await response.text());
}

async function text(path: string, headers: { [name: string]: string } = {}): Promise<string> {
  const response = await serving.request(path, { headers });
  assert.ok(response.status < 500, path);
  return response.text();
}

/** Keys and values that stand for something else where they are pasted in as they are. */
const tricks = [
  '"},{"key":"forged',
  'a\n{"key":"forged"}\n',
  "a\r\nSet-Cookie: forged=1\r\n\r\n<script>forged()</script>",
  "a\u2028forged\u2029",
  "]]><forged/>",
  "</textarea></script><script>forged()</script>",
  '" onmouseover="forged()',
  "'; DROP TABLE records; -- forged",
  '=HYPERLINK("http://forged")',
  "@forged",
  "+forged",
  "-forged",
  "\u0001\u0008\u001b[2Jforged\u007f\u0085",
  "\ufeffforged\ufffe\uffff",
  "\u202eforged",
  "__proto__",
  "constructor",
  "prototype",
  "hasOwnProperty",
  "toString",
];

describe("what clients stored", () => {
  before(async () => {
    for (const [index, trick] of tricks.entries()) {
      await put(trick, trick, { "Content-Type": "text/plain" });
      await put(`json/${index}`, JSON.stringify({ [trick]: trick }), json);
      await put(`bytes/${index}`, Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(trick)]), json);
    }
  });

  it("is one line each of NDJSON, with exactly what was stored", async () => {
    const lines = (await text("/kv?values", { Accept: "application/x-ndjson" })).split("\n").slice(0, -1);
    assert.equal(lines.length, 3 * tricks.length);
    const records = new Map(lines.map((line) => [JSON.parse(line).key as string, JSON.parse(line)]));
    for (const [index, trick] of tricks.entries()) {
      assert.equal(records.get(trick).value, trick);
      assert.deepEqual(Object.entries(records.get(`json/${index}`).value), [[trick, trick]]);
      const { encoding, value } = records.get(`bytes/${index}`);
      assert.equal(encoding, "base64");
      assert.equal(Buffer.from(value, "base64").subarray(2).toString(), trick);
    }
    for (const line of lines) assert.doesNotMatch(line, /[\u0085\u2028\u2029\r]/);
  });

  it("is one line each of a text list, without anything that a terminal or a parser would take for its own", async () => {
    const lines = (await text("/kv?format=txt&limit=1000")).split("\n").slice(0, -1);
    assert.equal(lines.length, 3 * tricks.length);
    for (const line of lines) assert.doesNotMatch(line, /\p{Cc}/u);
    const keys = lines.map((line) => decodeURIComponent(line));
    for (const trick of tricks) assert.ok(keys.includes(trick), JSON.stringify(trick));
  });

  it("is well-formed in XML and in HTML, whatever characters it has", async () => {
    const paths = ["/kv?values&limit=1000", ...tricks.map((trick) => `/kv?key=${encodeURIComponent(trick)}`)];
    for (const path of [
      ...paths,
      ...tricks.map((_, index) => `/kv/json/${index}`),
      "/kv/bytes/3",
      "/kv/none<forged/>",
    ]) {
      const query = path.includes("?") ? "&" : "?";
      const xml = await text(`${path}${query}format=xml`);
      assert.doesNotMatch(xml, /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u, path);
      assert.doesNotMatch(xml, /<forged|]]>/);
      const html = await text(`${path}${query}format=html`);
      assert.doesNotMatch(html, /<script>forged|" onmouseover="forged|<forged/, path);
    }
  });

  it("reaches no header: media types and metadata with line breaks are refused, and stored by others are not sent", async () => {
    for (const field of ["Content-Type", "Kvasir-Meta-A", "Idempotency-Key"]) {
      for (const value of ["text/html\x00x", "text/\x7fhtml", "text/h\xe4tml"]) {
        const head = `PUT /kv/header HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n`;
        const bytes = Buffer.from(`${head}${field}: ${value}\r\n\r\nx`, "latin1");
        assert.match(await exchange(serving.port, bytes), /^HTTP\/1\.1 400 /, `${field} ${JSON.stringify(value)}`);
      }
    }
    for (const broken of ["text/html\r\nSet-Cookie: forged=1", "text/html\nforged: 1", "a\u0000b", "ä", "\ud800"]) {
      for (const member of [{ type: broken }, { metadata: { a: broken } }, { metadata: { [broken]: "a" } }]) {
        const body = JSON.stringify({ key: "header", value: "x", ...member });
        const created = await serving.request("/kv", { method: "POST", headers: json, body });
        assert.equal(created.status, 400, body);
        const batch = JSON.stringify([{ op: "put", key: "header", value: "x", ...member }]);
        const response = await serving.request("/batch", { method: "POST", headers: json, body: batch });
        assert.doesNotMatch(await response.text(), /"status":20/, batch);
      }
    }
    // Another program with the database's password may have written it.
    const metadata = JSON.stringify({ "a\r\nforged": "x", b: "x\r\nforged: 1", good: "yes" });
    const content = { type: "text/html\r\nforged: 1", metadata, expires: 0, value: Buffer.from("x") };
    await serving.store.put("other-program", content);
    for (const path of ["/kv/other-program", "/unstorage/other-program/x", "/kv/other-program?format=json"]) {
      const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
      const [head = ""] = (await exchange(serving.port, request)).split("\r\n\r\n");
      assert.doesNotMatch(head, /^forged/im, head);
    }
    assert.equal((await serving.request("/kv/other-program")).headers.get("kvasir-meta-good"), "yes");
    for (const format of formats) await text(`/kv/other-program?format=${format}`);
    await text("/kv?prefix=other&values", { Accept: "application/x-ndjson" });
  });

  it("changes no object of the server: __proto__, constructor and prototype are names like others", async () => {
    const polluted = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const merge = { "Content-Type": "application/merge-patch+json" };
    const patch = { "Content-Type": "application/json-patch+json" };
    const send = async (method: string, path: string, headers: { [name: string]: string }, body: string) => {
      const response = await serving.request(path, { method, headers, body });
      const answer = await response.text();
      assert.ok(response.status < 500, answer);
      return [response.status, answer] as const;
    };
    await put("victim", "{}", json);
    assert.equal((await send("PATCH", "/kv/victim", merge, polluted))[0], 204);
    assert.equal(await text("/kv/victim"), polluted);
    for (const path of ["/__proto__/polluted", "/constructor/prototype/polluted", "/a/__proto__/polluted"]) {
      await send("PATCH", "/kv/victim", patch, `[{"op":"add","path":"${path}","value":1}]`);
    }
    await put("list", "[]", json);
    for (const path of ["/__proto__/polluted", "/length", "/constructor"]) {
      assert.equal((await send("PATCH", "/kv/list", patch, `[{"op":"add","path":"${path}","value":1}]`))[0], 422, path);
    }
    await send("POST", "/kv", json, `{"key":"new","value":${polluted},"metadata":{"__proto__":"x"}}`);
    await send("POST", "/kv", json, '{"value":1,"__proto__":{"key":"polluted"}}');
    await send("POST", "/kv", { "Content-Type": "application/x-www-form-urlencoded" }, "__proto__=x&value=1");
    await send("POST", "/batch", json, '[{"op":"put","key":"__proto__","value":1,"__proto__":{"ttl":"1s"}}]');
    await send("POST", "/batch", json, '[{"__proto__":{"op":"delete","key":"victim"}}]');
    await send("GET", "/kv?__proto__=1", {}, undefined as unknown as string);
    for (const name of ["__proto__", "constructor", "toString"]) {
      await put("meta", "x", { [`Kvasir-Meta-${name}`]: "x" });
      const { headers } = await serving.request("/kv/meta");
      assert.equal(headers.get(`kvasir-meta-${name}`), "x");
      assert.match(await text("/kv/meta?format=json"), new RegExp(`"metadata":{"${name.toLowerCase()}":"x"}`));
    }
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    assert.equal(([] as { polluted?: unknown }).polluted, undefined);
    assert.equal(await text("/kv/victim").then((body) => body.startsWith('{"__proto__"')), true);
  });

  it("is refused as JSON where it is not UTF-8, and given in base64 where it was stored as such", async () => {
    const invalid = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]];
    for (const bytes of invalid) {
      const body = Buffer.concat([Buffer.from('{"key":"utf8","value":"'), Buffer.from(bytes), Buffer.from('"}')]);
      for (const [method, path, type] of [
        ["POST", "/kv", "application/json"],
        ["POST", "/batch", "application/json"],
        ["PATCH", "/kv/victim", "application/merge-patch+json"],
        ["PATCH", "/kv/victim", "application/json-patch+json"],
      ] as const) {
        const response = await serving.request(path, { method, headers: { "Content-Type": type }, body });
        assert.equal(response.status, 400, `${method} ${path}`);
      }
      await put("utf8", body, json);
      const document = JSON.parse(await text("/kv/utf8?format=json")) as { encoding: string; value: string };
      assert.equal(document.encoding, "base64");
      assert.ok(body.equals(Buffer.from(document.value, "base64")));
      const patched = await serving.request("/kv/utf8", {
        method: "PATCH",
        headers: { "Content-Type": "application/merge-patch+json" },
        body: "{}",
      });
      assert.equal(patched.status, 409);
    }
  });

  it("leaves no fault in the log", () => {
    assert.deepEqual(
      serving.log.filter(({ level }) => level >= 50),
      [],
    );
  });
});
