import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StoreError } from "../../src/errors.ts";
import type { DocumentFormat } from "../../src/http/negotiation.ts";
import { renderList, renderListLine } from "../../src/http/representations/list.ts";
import { renderProblem } from "../../src/http/representations/problem.ts";
import { renderRecord } from "../../src/http/representations/record.ts";
import type { Rendering } from "../../src/http/representations/rendering.ts";
import { renderStatus } from "../../src/http/representations/status.ts";
import type { RequestTotals } from "../../src/http/request-counts.ts";
import { formatMetadata, type Record, type ScannedRecord } from "../../src/record.ts";
import type { StoreStatus } from "../../src/store-types.ts";
import { formatVersion, stampAt } from "../../src/version.ts";

const time = Date.UTC(2026, 10, 23, 12, 0, 0, 500);
const version = { stamp: stampAt(time), writer: 7 };
const formats: readonly DocumentFormat[] = ["json", "xml", "html", "txt"];
const hostile = `<script>alert("1")</script>&'\`]]>\r\n\t\u0001\u2028`;

function record(value: string | Uint8Array, more: Partial<Record> = {}): Record {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return { key: "k", value: bytes, type: "text/plain", metadata: "", expires: 0, isTombstone: false, version, ...more };
}

function scanned(key: string, value: string, more: Partial<Record> = {}): ScannedRecord {
  return { ...record(value, { key, ...more }), size: Buffer.byteLength(value) };
}

const body = (rendering: Rendering) => Buffer.from(rendering.body).toString();
const json = (value: string | Uint8Array, type: string) => body(renderRecord("json", record(value, { type })));

const range = { prefix: "", delimiter: undefined, isReverse: false, withValues: false, limit: 100 };
const requests: RequestTotals = {
  inFlight: 1,
  reads: 30,
  writes: 12,
  failed: 2,
  durations: [{ upToMs: 0.5, count: 40 }, { count: 2 }],
};

const sync: StoreStatus["sync"] = {
  delivered: 7,
  discarded: 1,
  setAside: [{ source: "partition-1", target: "partition-2", key: "big", reason: "too large" }],
  lastPass: {
    at: time,
    tookMs: 12.4,
    records: 100,
    differing: 3,
    mended: 3,
    misplaced: 0,
    ghosts: 0,
    sizes: {},
    damaged: ["a"],
    missing: ["partition-3: away"],
  },
  lastPurge: { at: time, purged: 0, blocked: "partition partition-2 is away" },
  clockSkewMs: 3.2,
  futureVersions: 0,
  unknownOutcomes: 2,
};

describe("every document", () => {
  const status: StoreStatus = {
    cluster: "c",
    writer: "w",
    isReady: true,
    missing: [],
    replicas: 1,
    partitions: [],
    topology: { epoch: 1, change: "", progress: undefined, waitsFor: "" },
    sync,
  };
  const list = {
    page: { records: [], prefixes: [], next: undefined },
    range,
    cursor: undefined,
    withValues: false,
    nextHref: undefined,
  };
  const kinds = {
    record: (format: DocumentFormat) => renderRecord(format, record("v")),
    list: (format: DocumentFormat) => renderList(format, list),
    status: (format: DocumentFormat) => renderStatus(format, status, requests, () => true),
    problem: (format: DocumentFormat) => renderProblem(format, new StoreError("not_found", "nothing")),
  };
  for (const [kind, render] of Object.entries(kinds)) {
    it(`of a ${kind} says its type and that nobody may guess another`, () => {
      const name = kind === "problem" ? "problem+" : "";
      const types = formats.map((format) => render(format).headers["Content-Type"]);
      const [jsonType, xmlType] = [`application/${name}json`, `application/${name}xml; charset=utf-8`];
      assert.deepEqual(types, [jsonType, xmlType, "text/html; charset=utf-8", "text/plain; charset=utf-8"]);
      for (const format of formats) assert.equal(render(format).headers["X-Content-Type-Options"], "nosniff");
    });

    it(`of a ${kind} in HTML is a complete page that loads nothing but files of its own, and runs nothing that stands in it`, () => {
      const { headers } = render("html");
      assert.match(headers["Content-Security-Policy"]!, /^default-src 'none';.* frame-ancestors 'none'$/);
      const page = body(render("html"));
      assert.match(
        page,
        /^<!doctype html>\n<html lang="en">.*<meta name="viewport".*<title>[^<]+<\/title>.*<\/html>\n$/s,
      );
      assert.doesNotMatch(page, /<style|\sstyle=|\son\w+=|undefined|\[object/);
      for (const [, script, text] of page.matchAll(/<script([^>]*)>(.*?)<\/script>/gs)) {
        assert.match(script!, /^(?: type="module")? src="\/ui\/[0-9a-f]{12}\/[a-z-]+\.js"(?: defer)?$/);
        assert.equal(text, "");
      }
      for (const [, address] of page.matchAll(/ (?:href|src|action)="([^"]*)"/g)) assert.match(address!, /^[/#](?!\/)/);
    });
  }
});

describe("a record", () => {
  const full = record("grün", {
    key: "a/ü",
    metadata: formatMetadata({ owner: "me", "x-y": "<b>" }),
    expires: time + 1000,
  });

  it("is all of it in JSON", () => {
    assert.deepEqual(JSON.parse(body(renderRecord("json", full))), {
      key: "a/ü",
      value: "grün",
      type: "text/plain",
      version: formatVersion(version),
      modified: "2026-11-23T12:00:00.500Z",
      expires: "2026-11-23T12:00:01.500Z",
      metadata: { owner: "me", "x-y": "<b>" },
    });
  });

  it("is all of it in XML", () => {
    assert.equal(
      body(renderRecord("xml", full)),
      `<?xml version="1.0" encoding="UTF-8"?>\n<record><key>a/ü</key><value>grün</value><type>text/plain</type><version>${formatVersion(version)}</version><modified>2026-11-23T12:00:00.500Z</modified><expires>2026-11-23T12:00:01.500Z</expires><metadata><entry><name>owner</name><value>me</value></entry><entry><name>x-y</name><value>&lt;b&gt;</value></entry></metadata></record>\n`,
    );
  });

  it("embeds JSON as it is stored, big numbers and repeated names included", () => {
    const value = '{ "id": 12345678901234567890, "a": 1.0, "a": 2 }';
    assert.ok(json(value, "application/json").includes(`"value":${value},`));
    assert.ok(json("null", "application/ld+json").includes('"value":null,'));
  });

  it("stays on one line when the JSON in it does not", () => {
    const text = json('{\r\n  "a": "b\\nc"\r\n}\n', "application/json");
    assert.doesNotMatch(text, /[\r\n]/);
    assert.deepEqual(JSON.parse(text).value, { a: "b\nc" });
  });

  it("tells text that pretends to be JSON from a JSON string", () => {
    assert.ok(json("test_data", "application/json").includes('"value":"test_data","encoding":"utf8"'));
    assert.ok(json('"test_data"', "application/json").includes('"value":"test_data","type"'));
    assert.ok(json("", "application/json").includes('"value":"","encoding":"utf8"'));
    assert.ok(json("\ufeff{}", "application/json").includes('"value":"\ufeff{}","encoding":"utf8"'));
  });

  it("is base64 in JSON and XML, and hexadecimal digits in HTML, when it is not UTF-8 or has NUL", () => {
    for (const value of [Buffer.from([0xff, 0x41]), Buffer.from("a\0b")]) {
      const text = value.toString("base64");
      assert.ok(json(value, "text/plain").includes(`"value":"${text}","encoding":"base64"`));
      assert.ok(body(renderRecord("xml", record(value))).includes(`<value encoding="base64">${text}</value>`));
      assert.match(
        body(renderRecord("html", record(value))),
        /<pre class="value hex"[^>]*>\n00000000 {2}(?:ff 41|61 00 62) /,
      );
    }
  });

  it("is its bytes as text when they are UTF-8, else base64 that says so", () => {
    const text = renderRecord("txt", full);
    assert.equal(text.body, full.value);
    assert.equal(text.headers["Kvasir-Encoding"], undefined);
    const binary = renderRecord("txt", record(Buffer.from([0xff, 0xfe])));
    assert.equal(binary.body, "//4=");
    assert.equal(binary.headers["Kvasir-Encoding"], "base64");
  });

  it("never puts the markup of key, value, type or metadata into a page", () => {
    const page = body(
      renderRecord(
        "html",
        record(hostile, { key: hostile, type: hostile, metadata: formatMetadata({ [hostile]: hostile }) }),
      ),
    );
    assert.doesNotMatch(page, /<script>|"1"/);
    assert.ok(page.split("&lt;script&gt;").length > 7);
  });

  it("shows an expiry beyond all calendars", () => {
    assert.ok(
      body(renderRecord("json", record("v", { expires: Number.MAX_SAFE_INTEGER }))).includes(
        '"expires":"+275760-09-13',
      ),
    );
  });

  const bytes = fc.oneof(
    fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
    fc.uint8Array().map((array) => Buffer.from(array)),
  );

  it("is JSON, whatever is stored", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        bytes,
        fc.constantFrom("text/plain", "application/json"),
        (key, value, type) => {
          const document = JSON.parse(
            body(renderRecord("json", record(value, { key, type, metadata: formatMetadata({ [key]: key }) }))),
          );
          assert.equal(document.key, key.toWellFormed());
          if (document.encoding !== undefined || type === "text/plain") {
            assert.deepEqual(Buffer.from(document.value, document.encoding ?? "utf8"), value);
          }
        },
      ),
    );
  });

  it("is well-formed XML that gives back key and value, whatever is stored", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.constant(hostile)), bytes, (key, value) => {
        const document = readXml(
          body(renderRecord("xml", record(value, { key, metadata: formatMetadata({ [key]: key }) }))),
        );
        assert.equal(document.get("/record/key")?.toString(), key.toWellFormed());
        assert.deepEqual(document.get("/record/value"), value);
        assert.equal(document.get("/record/metadata/entry/name")?.toString(), key.toWellFormed());
      }),
      { numRuns: 500 },
    );
  });
});

describe("a list", () => {
  const records = [scanned("a%\n", "1", { type: "application/json" }), scanned("b", "x", { expires: time + 1000 })];
  const list = {
    page: { records, prefixes: ["c/", "d\t/"], next: "d" },
    range: { ...range, delimiter: "/", limit: 2 },
    cursor: "CUR",
    withValues: false,
    nextHref: "/kv?cursor=CUR&limit=2",
  };
  const last = {
    page: { records, prefixes: [], next: undefined },
    range,
    cursor: undefined,
    withValues: true,
    nextHref: undefined,
  };
  const facts = { version: formatVersion(version), modified: "2026-11-23T12:00:00.500Z" };

  it("has keys, prefixes and cursor in JSON, without values unless asked", () => {
    assert.deepEqual(JSON.parse(body(renderList("json", list))), {
      keys: [
        { key: "a%\n", type: "application/json", size: 1, ...facts },
        { key: "b", type: "text/plain", size: 1, ...facts, expires: "2026-11-23T12:00:01.500Z" },
      ],
      prefixes: ["c/", "d\t/"],
      cursor: "CUR",
    });
  });

  it("leaves prefixes and cursor out when there are none, and has values when asked", () => {
    const document = JSON.parse(body(renderList("json", last)));
    assert.deepEqual(Object.keys(document), ["keys"]);
    assert.deepEqual(
      document.keys.map((entry: { value: unknown }) => entry.value),
      [1, "x"],
    );
  });

  it("says when a value in it is base64", () => {
    const entry = { ...scanned("k", ""), value: Buffer.from([0xff]) };
    assert.match(renderListLine(entry, true), /"value":"\/w==","encoding":"base64"\}\n$/);
  });

  it("streams one JSON object a line", () => {
    const line = renderListLine(scanned("a\n", '{\n"n": 12345678901234567890\n}', { type: "application/json" }), true);
    assert.match(line, /^\{[^\n]*12345678901234567890[^\n]*\}\n$/);
    assert.equal(JSON.parse(line).key, "a\n");
    assert.equal("value" in JSON.parse(renderListLine(scanned("a", "1"), false)), false);
  });

  it("has the same names in XML", () => {
    const document = readXml(body(renderList("xml", { ...list, withValues: true })));
    assert.equal(document.get("/list/keys/record/key")?.toString(), "b");
    assert.equal(document.get("/list/keys/record/size")?.toString(), "1");
    assert.equal(document.get("/list/keys/record/value")?.toString(), "x");
    assert.equal(document.get("/list/prefixes/prefix")?.toString(), "d\t/");
    assert.equal(document.get("/list/cursor")?.toString(), "CUR");
  });

  it("is one key and then one prefix a line as text, with control characters and % encoded", () => {
    assert.equal(body(renderList("txt", list)), "a%25%0A\nb\nc/\nd%09/\n");
    const lines = fc.array(fc.string({ unit: "binary" }).map((key) => key.toWellFormed()));
    fc.assert(
      fc.property(lines, (keys) => {
        const page = { records: keys.map((key) => scanned(key, "")), prefixes: [], next: undefined };
        const text = body(renderList("txt", { ...last, page }));
        assert.deepEqual(text.split("\n").slice(0, -1).map(decodeURIComponent), keys);
      }),
    );
  });

  it("links keys, prefixes and the next page for people", () => {
    const page = body(
      renderList("html", { ...list, page: { ...list.page, records: [...records, scanned(hostile, "")] } }),
    );
    assert.ok(page.includes('<a class="key" href="/kv/a%25%0A">'));
    assert.ok(page.includes('<a class="key" href="/kv?delimiter=/&amp;prefix=c%2F">c/</a>'));
    assert.ok(page.includes('rel="next" href="/kv?cursor=CUR&amp;limit=2">'));
    assert.doesNotMatch(page, /<script>/);
    assert.doesNotMatch(body(renderList("html", last)), /rel="next"|class="folder"/);
  });
});

describe("a status", () => {
  const status: StoreStatus = {
    cluster: "c1",
    writer: "w1",
    isReady: false,
    missing: ["partition-2 <cannot> be reached"],
    replicas: 2,
    partitions: [
      {
        name: "partition-1",
        url: "mysql://db1/kvasir",
        state: "steady",
        problem: "",
        engine: "MariaDB 10.11",
        durability: "strict",
        latencyMs: 1.23456,
        // Clients of the databases give BigInt where they feel like it.
        owed: [
          { target: "partition-2", count: 3n as unknown as number, standIns: 0n as unknown as number, oldest: time },
        ],
        batches: { reads: { batches: 3, members: 30 }, writes: { batches: 4, members: 12 } },
        size: { keys: 41, bytes: 5000, at: time },
        load: { reads: 12.34, writes: 1, batches: 0.06 },
      },
      {
        name: "partition-2",
        url: "sqlite:./b",
        state: "away",
        problem: "connection refused",
        engine: "",
        durability: "unknown",
        latencyMs: 0,
        owed: undefined,
        batches: undefined,
        size: undefined,
        load: undefined,
      },
    ],
    topology: { epoch: 5, change: "add partition-3, filling", progress: 0.25, waitsFor: "partition partition-2" },
    sync,
  };

  it("is plain JSON", () => {
    assert.deepEqual(JSON.parse(body(renderStatus("json", status, requests, () => true))), {
      ready: false,
      missing: ["partition-2 <cannot> be reached"],
      cluster: "c1",
      writer: "w1",
      replicas: 2,
      requests,
      topology: { epoch: 5, change: "add partition-3, filling", progress: 0.25, waitsFor: "partition partition-2" },
      partitions: [
        {
          name: "partition-1",
          url: "mysql://db1/kvasir",
          state: "steady",
          engine: "MariaDB 10.11",
          durability: "strict",
          latencyMs: 1.235,
          batches: { reads: { batches: 3, members: 30 }, writes: { batches: 4, members: 12 } },
          size: { keys: 41, bytes: 5000, at: "2026-11-23T12:00:00.500Z" },
          load: { reads: 12.3, writes: 1, batches: 0.1 },
          owed: [{ target: "partition-2", count: 3, standIns: 0, oldest: "2026-11-23T12:00:00.500Z" }],
        },
        {
          name: "partition-2",
          url: "sqlite:./b",
          state: "away",
          problem: "connection refused",
          engine: "",
          durability: "unknown",
          latencyMs: 0,
        },
      ],
      sync: {
        delivered: 7,
        discarded: 1,
        unknownOutcomes: 2,
        futureVersions: 0,
        clockSkewMs: 3,
        setAside: [{ source: "partition-1", target: "partition-2", key: "big", reason: "too large" }],
        lastPass: {
          at: "2026-11-23T12:00:00.500Z",
          tookMs: 12,
          records: 100,
          differing: 3,
          mended: 3,
          ghosts: 0,
          damaged: 1,
          missing: ["partition-3: away"],
        },
        lastPurge: { at: "2026-11-23T12:00:00.500Z", purged: 0, blocked: "partition partition-2 is away" },
      },
    });
  });

  it("has the same names in XML", () => {
    const document = readXml(body(renderStatus("xml", status, requests, () => true)));
    assert.equal(document.get("/status/ready")?.toString(), "false");
    assert.equal(document.get("/status/missing/reason")?.toString(), "partition-2 <cannot> be reached");
    assert.equal(document.get("/status/requests/writes")?.toString(), "12");
    assert.equal(document.get("/status/requests/durations/duration/count")?.toString(), "2");
    assert.equal(document.get("/status/partitions/partition/batches/writes/members")?.toString(), "12");
    assert.equal(document.get("/status/topology/change")?.toString(), "add partition-3, filling");
    assert.equal(document.get("/status/partitions/partition/size/bytes")?.toString(), "5000");
    assert.equal(document.get("/status/partitions/partition/load/reads")?.toString(), "12.3");
    assert.equal(document.get("/status/partitions/partition/owed/hints/count")?.toString(), "3");
    assert.equal(document.get("/status/partitions/partition/problem")?.toString(), "connection refused");
  });

  it("tells people the state of each partition and what it owes", () => {
    const page = body(renderStatus("html", status, requests, () => true));
    assert.match(page, /partition-1 <span class="state state-steady">steady<\/span>/);
    assert.match(page, /partition-2 <span class="state state-away">away<\/span>/);
    assert.match(page, /3 to partition-2, the oldest <time datetime="2026-11-23T12:00:00.500Z">/);
    assert.match(page, />41<\/span> keys, <span class="number" title="5000 bytes">4.9 KiB<\/span>/);
    assert.match(page, /12.3 reads\/s, 1 writes\/s in 0.1 batches\/s/);
    assert.match(page, /not counted yet/);
    assert.match(page, /epoch 5; add partition-3, filling, 25 % done; waits for partition partition-2/);
    assert.ok(page.includes("<li>partition-2 &lt;cannot&gt; be reached</li>"));
  });

  it("is aligned as text", () => {
    const lines = body(renderStatus("txt", status, requests, () => true)).split("\n");
    assert.equal(lines[0], "state     not ready");
    assert.match(lines.find((line) => line.startsWith("partition-1"))!, /steady +41 +5000 +2026-11-23T12:00:00.500Z/);
    const column = lines.find((line) => line.startsWith("Partition "))!.indexOf("State");
    assert.equal(lines.find((line) => line.startsWith("partition-1"))!.indexOf("steady"), column);
    assert.equal(lines.find((line) => line.startsWith("partition-2 "))!.indexOf("away"), column);
  });
});

describe("a problem", () => {
  const error = new StoreError("not_acceptable", `<b>${"no"}</b>\u0001`, {
    details: { available: ["text/html", "a&b"], retry_after: 1, status: 200 },
  });

  it("is problem details with code and details, which cannot replace the standard members", () => {
    assert.deepEqual(JSON.parse(body(renderProblem("json", error))), {
      type: "urn:kvasir:error:not_acceptable",
      title: "None of the accepted formats is available",
      status: 406,
      detail: "<b>no</b>\u0001",
      code: "not_acceptable",
      available: ["text/html", "a&b"],
      retry_after: 1,
    });
  });

  it("is well-formed XML in the namespace of RFC 9457", () => {
    const text = body(renderProblem("xml", error));
    assert.ok(text.includes('<problem xmlns="urn:ietf:rfc:7807">'));
    const document = readXml(text);
    assert.equal(document.get("/problem/status")?.toString(), "406");
    assert.equal(document.get("/problem/detail")?.toString(), error.message);
    assert.equal(document.get("/problem/available/i")?.toString(), "a&b");
  });

  it("states code and detail in every format", () => {
    const plain = new StoreError("not_found", "nothing is stored under k");
    for (const format of formats) {
      assert.match(body(renderProblem(format, plain)), /not_found/);
      assert.match(body(renderProblem(format, plain)), /nothing is stored under k/);
    }
    assert.match(body(renderProblem("txt", error)), /^406 not_acceptable: .*\n.*\navailable: text\/html, a&b\n/);
  });
});

/**
 * A strict reader of the XML that Kvasir writes: fails on anything that is not well-formed, and gives the text of the
 * last element at each path.
 */
function readXml(text: string): Map<string, Buffer> {
  assert.match(text, /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u, "a character that XML cannot carry");
  assert.ok(text.startsWith('<?xml version="1.0" encoding="UTF-8"?>\n'));
  const source = text.slice(text.indexOf("\n") + 1, -1);
  const texts = new Map<string, Buffer>();
  const open: { name: string; isBase64: boolean; text: string }[] = [];
  const token =
    /<(\/?)([a-zA-Z_]+)((?: [a-zA-Z]+="(?:[^<&"\t\n\r]|&(?:amp|lt|gt|quot|#\d+);)*")*)>|((?:[^<&>\r]|&(?:amp|lt|gt|quot|#\d+);)+)/y;
  while (token.lastIndex < source.length) {
    const at = token.lastIndex;
    const match = token.exec(source);
    assert.ok(match !== null, `not well-formed at ${source.slice(at, at + 40)}`);
    const [, slash, name, attributes = "", content] = match;
    if (content !== undefined) open.at(-1)!.text += unescapeXml(content);
    else if (slash === "") open.push({ name: name!, isBase64: attributes.includes('encoding="base64"'), text: "" });
    else {
      const path = `/${open.map((element) => element.name).join("/")}`;
      const element = open.pop();
      assert.equal(element?.name, name);
      texts.set(path, Buffer.from(element!.text, element!.isBase64 ? "base64" : "utf8"));
    }
  }
  assert.equal(open.length, 0);
  return texts;
}

function unescapeXml(text: string): string {
  const names: { [name: string]: string } = { amp: "&", lt: "<", gt: ">", quot: '"' };
  return text.replaceAll(
    /&([^;]+);/g,
    (_all, name: string) => names[name] ?? String.fromCodePoint(Number(name.slice(1))),
  );
}
