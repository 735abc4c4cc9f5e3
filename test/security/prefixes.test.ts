import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { exchange, type Serving, serve } from "../http/serving.ts";

/** Stands in the key, the value and the metadata of everything that the token is not for. */
const marker = "outside-7Qz";
const outside = ["other/a", "app", "apple/a", "APP/a", "app0", "aaa", "zzz/a", "app:a", "äpp/a"].map(
  (key) => `${key}${marker}`,
);
const inside = ["app/a", "app/b/c", "app/b/d", "app/z"];
const wrong = `kvs_${"x".repeat(43)}`;

let serving: Serving;
const tokens: { [name: string]: string } = {};

before(async () => {
  serving = await serve({ authFailuresMax: 1_000_000 }, { partitions: 2 });
  const { store } = serving;
  const content = { type: "text/plain", metadata: "", expires: 0 };
  for (const key of outside) {
    await store.put(key, { ...content, value: Buffer.from(marker), metadata: JSON.stringify({ m: marker }) });
  }
  for (const key of inside) await store.put(key, { ...content, value: Buffer.from("in") });
  for (const [name, scopes, prefixes] of [
    ["app", ["read", "write"], ["app/"]],
    ["reads", ["read"], ["app/"]],
    ["writes", ["write"], ["app/"]],
    ["deep", ["read", "write"], ["app/b/"]],
    ["ops", ["admin"], []],
    ["all", ["read", "write", "admin"], ["app/"]],
  ] as const) {
    tokens[name] = (await store.tokens.create({ name, scopes, prefixes })).text;
  }
});
after(() => serving.close());

/** Sends one request as it is written, and gives status and all that came back. */
async function raw(token: string | undefined, line: string, body = "", fields = ""): Promise<[number, string]> {
  const credentials = token === undefined ? "" : `Authorization: Bearer ${tokens[token] ?? token}\r\n`;
  const head = `${line} HTTP/1.1\r\nHost: localhost\r\n${credentials}${fields}Connection: close\r\n`;
  const length = body === "" ? "" : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  const answer = await exchange(serving.port, `${head}${length}\r\n${body}`);
  assert.ok(!answer.includes(marker), `${token} ${line} shows ${answer}`);
  const status = Number(answer.slice(9, 12));
  if (status === 401) assert.match(answer, /\r\nWWW-Authenticate: Bearer realm="kvasir", Basic realm="kvasir"\r\n/);
  else assert.doesNotMatch(answer, /WWW-Authenticate/i);
  // Where one chunk of a list ends and the next begins is a matter of time.
  return [status, answer.replaceAll(/\r\n[0-9a-f]+\r\n/g, "")];
}

async function expectAll(rows: readonly (readonly [token: string, line: string, status: number, body?: string])[]) {
  for (const [token, line, status, body = ""] of rows) {
    const [found, answer] = await raw(token, line, body, body.startsWith("[") || body.startsWith("{") ? json : "");
    assert.equal(found, status, `${token} ${line}: ${answer}`);
  }
}

const json = "Content-Type: application/json\r\n";

describe("a token for one prefix at the mount for unstorage", () => {
  it("reaches keys below it with every method, and its scopes hold", async () => {
    await expectAll([
      ["app", "GET /unstorage/app/a", 200],
      ["app", "HEAD /unstorage/app/a", 200],
      ["app", "PUT /unstorage/app/new", 201, "x"],
      ["app", "DELETE /unstorage/app/new", 204],
      ["app", "OPTIONS /unstorage/app/a", 204],
      ["app", "GET /unstorage/app/:", 200],
      ["app", "HEAD /unstorage/app/b/:", 200],
      ["deep", "GET /unstorage/app/b/:", 200],
      ["reads", "GET /unstorage/app/a", 200],
      ["reads", "GET /unstorage/app/:", 200],
      ["reads", "PUT /unstorage/app/new", 403, "x"],
      ["reads", "DELETE /unstorage/app/a", 403],
      ["reads", "DELETE /unstorage/app/b/:", 403],
      ["writes", "GET /unstorage/app/a", 403],
      ["writes", "HEAD /unstorage/app/a", 403],
      ["writes", "GET /unstorage/app/:", 403],
      ["writes", "PUT /unstorage/app/new", 201, "x"],
      ["writes", "DELETE /unstorage/app/new", 204],
      ["ops", "GET /unstorage/app/a", 403],
      ["ops", "GET /unstorage/app/:", 403],
      ["ops", "DELETE /unstorage/app/:", 403],
    ]);
  });

  it("reaches nothing else, however the path is spelled", async () => {
    const paths = [
      `other/a${marker}`,
      `apple/a${marker}`,
      `APP/a${marker}`,
      "apple/:",
      "APP/:",
      "other/:",
      "ap%70le/:",
      "%61pple/:",
      "..%2Fother/:",
      "..%2f..%2fother/:",
      "./app/:",
      "%2e%2e/app/:",
      "other/%2e%2e/app/:",
      "app%00/:",
      "app:/:",
      `app:a${marker}/x`,
      "app%3Aa/:",
      "app%252F:/x",
      "app%5C:/x",
      "a/:",
      "ap/:",
      "%C3%A4pp/:",
    ];
    for (const path of paths) {
      for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
        const [status, answer] = await raw("app", `${method} /unstorage/${path}`, method === "PUT" ? "x" : "");
        assert.ok([400, 403].includes(status), `${method} ${path}: ${answer}`);
      }
    }
    await expectAll([
      ["deep", "GET /unstorage/app/:", 403],
      ["deep", "DELETE /unstorage/app/:", 403],
      ["deep", "GET /unstorage/app/a", 403],
      ["deep", "GET /unstorage/app/b", 403],
      ["app", "GET /unstorage/:", 400],
      ["app", "DELETE /unstorage/:", 400],
      ["app", "GET /unstorage//:", 400],
      ["app", "DELETE /unstorage//:", 400],
      ["app", "GET /unstorage/", 400],
      ["app", "GET /unstorage/app/", 400],
      ["app", "GET /unstorage/app", 400],
      ["app", `GET /unstorage/app/a?key=other/a${marker}`, 400],
      ["app", "GET /unstorage/app/:?prefix=other/", 400],
      ["app", "DELETE /unstorage/app/gone/:?prefix=", 400],
    ]);
  });

  it("treats dots, colons and encoded slashes as parts of a key below the prefix, and never as a way out", async () => {
    for (const path of ["app/../other/x", "app/%2e%2e/other/x", "app%2F..%2Fother/x", "app/..%5cother/x", "app/a:b"]) {
      assert.equal((await raw("app", `PUT /unstorage/${path}`, "dots"))[0] < 205, true, path);
      assert.equal((await raw("app", `DELETE /unstorage/${path}`))[0], 204, path);
      const key = decodeURIComponent(path);
      assert.equal(await serving.store.get(key), undefined);
    }
  });

  it("lists and clears relative to the namespace, and only what lies below the path", async () => {
    const [, all] = await raw("app", "GET /unstorage/app/:");
    assert.match(all, /\["a",\s*"b\/c",\s*"b\/d",\s*"z"\]/);
    const [, part] = await raw("deep", "GET /unstorage/app/b/:");
    assert.match(part, /\["b\/c",\s*"b\/d"\]/);
    await raw("app", "PUT /unstorage/app/clear/x", "x");
    await raw("app", "PUT /unstorage/app/clearly", "x");
    assert.equal((await raw("app", "DELETE /unstorage/app/clear/:"))[0], 204);
    assert.equal((await raw("app", "GET /unstorage/app/clear/x"))[0], 404);
    assert.equal((await raw("app", "DELETE /unstorage/app/clearly"))[0], 204);
  });

  it("asks for a token in all of it, and tells none, a wrong one and one without the right apart", async () => {
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]) {
      for (const path of ["app/a", "app/:", "", "%3a"]) {
        const body = method === "PUT" ? "x" : "";
        assert.equal((await raw(undefined, `${method} /unstorage/${path}`, body))[0], 401, `${method} ${path}`);
        assert.equal((await raw(wrong, `${method} /unstorage/${path}`, body))[0], 401, `${method} ${path}`);
      }
    }
    // Before it looks at the path, so that nobody learns from an error what is there.
    assert.match((await raw("app", "GET /unstorage/other/none"))[1], /only for keys that begin with/);
  });

  it("carries metadata only of its own keys", async () => {
    const fields = "Kvasir-Meta-Owner: me\r\n";
    assert.equal((await raw("app", "PUT /unstorage/app/meta", "x", fields))[0], 201);
    assert.match((await raw("reads", "HEAD /unstorage/app/meta"))[1], /\r\nKvasir-Meta-owner: me\r\n/);
    assert.equal((await raw("app", "DELETE /unstorage/app/meta"))[0], 204);
  });
});

describe("a token for one prefix", () => {
  it("reads below it alone: values, lists in every form, replicas and pages", async () => {
    const formats = ["json", "xml", "html", "txt"];
    for (const format of formats) {
      await expectAll([
        ["app", `GET /kv/app/a?format=${format}`, 200],
        ["app", `GET /kv?prefix=app/&values&format=${format}`, 200],
        ["app", `GET /kv?prefix=app/&delimiter=/&format=${format}`, 200],
        ["app", `GET /kv?prefix=app/&delimiter=p&reverse&format=${format}`, 200],
        ["app", `GET /replicas/app/a?format=${format}`, 200],
        ["app", `GET /kv/other/a${marker}?format=${format}`.replaceAll(marker, "x"), 403],
        ["app", `GET /kv?format=${format}`, 403],
        ["app", `GET /kv?prefix=app&delimiter=/&format=${format}`, 403],
        ["app", `GET /replicas/other/a?format=${format}`, 403],
        ["app", `GET /replicas?key=other/a&format=${format}`, 403],
        ["app", `GET /status?format=${format}`, 403],
        ["all", `GET /status?format=${format}`, 200],
      ]);
    }
    await expectAll([
      ["app", "GET /metrics", 403],
      ["all", "GET /metrics", 200],
      ["app", "GET /kv/app/a?key=other/a", 400],
      ["app", "GET /replicas/app/a?key=other/a", 400],
      ["app", "DELETE /kv?prefix=app/&key=other/a", 403],
      ["app", "GET /kv?key=app/a&prefix=", 400],
    ]);
  });

  it("rolls nothing up that lies outside, whatever the delimiter", async () => {
    for (const delimiter of ["/", "a", "p", "app/", "%2F", "b%2F", "z", "%C3%A4"]) {
      const [status, answer] = await raw("app", `GET /kv?prefix=app/&delimiter=${delimiter}&format=json`);
      assert.equal(status, 200);
      const page = JSON.parse(answer.split("\r\n\r\n")[1]!) as { keys: { key: string }[]; prefixes?: string[] };
      for (const text of [...page.keys.map(({ key }) => key), ...(page.prefixes ?? [])]) {
        assert.ok(text.startsWith("app/"), text);
      }
    }
  });

  it("gets lines of its own keys alone, to the end of the list in both directions", async () => {
    for (const query of ["prefix=app/&values", "prefix=app/&reverse&values", "prefix=app/&start=&end=zzzz"]) {
      const [status, answer] = await raw("app", `GET /kv?${query}`, "", "Accept: application/x-ndjson\r\n");
      assert.equal(status, 200);
      assert.equal(answer.match(/"key":"app\//g)!.length, inside.length);
    }
    for (const query of ["", "?prefix=", "?prefix=app", "?start=app/", "?prefix=other/&values"]) {
      assert.equal((await raw("app", `GET /kv${query}`, "", "Accept: application/x-ndjson\r\n"))[0], 403, query);
    }
  });

  it("is led out by no cursor: another's, a forged one, nor one that begins before or behind the prefix", async () => {
    const cursor = (flags: string, after: string, prefix: string, ...more: string[]) =>
      Buffer.from([flags, "100", after, prefix, ...(more.length > 0 ? more : ["", ""])].join("\0")).toString(
        "base64url",
      );
    for (const prefix of ["", "app", "other/", "ap", "APP/"]) {
      for (const flags of ["1", "1v", "1r", "1rv"]) {
        assert.equal((await raw("app", `GET /kv?cursor=${cursor(flags, "app/a", prefix)}`))[0], 403, prefix);
        const both = await raw("app", `GET /kv?prefix=app/&cursor=${cursor(flags, "app/a", prefix)}`);
        assert.ok([400, 403].includes(both[0]), both[1]);
      }
    }
    for (const flags of ["1v", "1rv"]) {
      for (const after of ["a", "aaa", "app", "app/", "app0", "zzz", "\u{10ffff}"]) {
        for (const more of [[], ["/", ""], ["", "a"], ["", "", "zzzz"], ["p", "", "zzzz"]]) {
          const [status] = await raw("app", `GET /kv?cursor=${cursor(flags, after, "app/", ...more)}`);
          assert.equal(status, 200);
        }
      }
    }
  });

  it("writes below it alone: PUT, PATCH, DELETE, POST, batches and deletions of a prefix", async () => {
    const patch = "Content-Type: application/merge-patch+json\r\n";
    for (const key of outside) {
      const path = encodeURIComponent(key).replace(marker, "%6futside-7Qz");
      for (const line of [`PUT /kv/${path}`, `DELETE /kv/${path}`, `DELETE /kv?key=${path}`, `PUT /kv?key=${path}`]) {
        const [status, answer] = await raw("app", line, line.startsWith("PUT") ? "x" : "");
        assert.equal(status, 403, answer);
      }
      assert.equal((await raw("app", `PATCH /kv/${path}`, "{}", patch))[0], 403);
    }
    await expectAll([
      ["app", "POST /kv", 403, '{"key":"other/new","value":1}'],
      ["app", "POST /kv", 403, '{"value":1}'],
      ["app", "POST /kv?key=app/b", 405, '{"key":"other/new","value":1}'],
      ["app", "POST /kv/app/new", 405, '{"key":"other/new","value":1}'],
      ["reads", "POST /kv", 403, '{"key":"app/new","value":1}'],
      ["app", "DELETE /kv?prefix=", 400],
      ["app", "DELETE /kv?prefix=&confirm=all", 403],
      ["app", "DELETE /kv?prefix=app", 403],
      ["app", "DELETE /kv?prefix=app/none/", 200],
      ["reads", "DELETE /kv?prefix=app/", 403],
      ["app", "DELETE /kv", 400],
    ]);
    const form = await raw(
      "app",
      "POST /kv",
      "key=other/new&value=1",
      "Content-Type: application/x-www-form-urlencoded\r\n",
    );
    assert.equal(form[0], 403);
    for (const key of outside) assert.equal(Buffer.from((await serving.store.get(key))!.value).toString(), marker);
    assert.equal(await serving.store.get("other/new"), undefined);
  });

  it("judges each member of a batch by its own key", async () => {
    const operations = ["other/a", "app", "app/../other", "\u0061pp/a", "app/ok", "APP/a"].flatMap((key) => [
      { op: "get", key },
      { op: "put", key, value: "x" },
      { op: "delete", key },
    ]);
    const [status, answer] = await raw("app", "POST /batch", JSON.stringify(operations), json);
    assert.equal(status, 200);
    const body = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))) as { results: { status: number }[] };
    for (const [index, { key }] of operations.entries()) {
      assert.equal(body.results[index]!.status === 403, !key.startsWith("app/"), key);
    }
    await serving.store.put("app/a", { type: "text/plain", metadata: "", expires: 0, value: Buffer.from("in") });
  });

  it("learns nothing of another's key from an Idempotency-Key or a Kvasir-Clock", async () => {
    const put = (token: string, path: string) => raw(token, `PUT ${path}`, "x", "Idempotency-Key: shared\r\n");
    assert.equal((await put("app", "/kv/app/idem"))[0], 201);
    assert.equal((await put("app", "/kv/other/idem"))[0], 403);
    assert.equal((await put("deep", "/kv/app/idem"))[0], 403);
    const [, answer] = await put("app", "/kv/app/idem");
    const clock = /Kvasir-Clock: (\S+)/.exec(answer)![1]!;
    assert.equal((await raw("app", "GET /kv/other/a", "", `Kvasir-Clock: ${clock}\r\n`))[0], 403);
  });
});

describe("a token of an operator", () => {
  it("shows no key in /status: a record that was set aside is named to whoever may read it", async () => {
    const setAside = [outside[0]!, "app/a"].map((key) => ({ source: "p1", target: "p2", key, reason: "too large" }));
    const { status } = serving.store;
    serving.store.status = async () => {
      const real = await status.call(serving.store);
      return { ...real, sync: { ...real.sync, setAside } };
    };
    for (const format of ["json", "xml", "html", "txt"]) {
      const [, answer] = await raw("ops", `GET /status?format=${format}`);
      assert.ok(!answer.includes("app/a"), answer);
      assert.match(answer, /too large/);
      assert.match((await raw("all", `GET /status?format=${format}`))[1], /app\/a/);
    }
    serving.store.status = status;
  });
});

describe("a client that may write", () => {
  it("cannot give its keys a version from the future, which no later write would exceed", async () => {
    for (const stamp of [2n ** 63n - 1n, 2n ** 63n - 2n, 2n ** 62n]) {
      const [status, answer] = await raw("app", "PUT /kv/app/future", "x", `Kvasir-Clock: ${stamp.toString(36)}\r\n`);
      assert.ok([201, 204].includes(status), answer);
      const version = /Kvasir-Version: (\w+)-/.exec(answer)![1]!;
      assert.equal(version.length, 12);
      const [, head] = await raw("app", "HEAD /kv/app/future");
      const modified = Date.parse(/Last-Modified: (.*)\r/.exec(head)![1]!);
      assert.ok(modified < Date.now() + 60_000, head);
    }
  });
});
