import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StoreError } from "../../src/errors.ts";
import { entityTag, parseEntityTags, readPrecondition, writeCondition } from "../../src/http/conditions.ts";
import type { Format } from "../../src/http/negotiation.ts";
import { formatVersion, stampAt, type Version } from "../../src/version.ts";

const time = Date.UTC(2026, 10, 23, 12, 0, 0, 500);
const version: Version = { stamp: stampAt(time) + 7n, writer: 12345 };
const other: Version = { stamp: stampAt(time) + 8n, writer: 12345 };
const text = formatVersion(version);
const [before, same, after] = [-1, 0, 1].map((seconds) => new Date(time + seconds * 1000).toUTCString());

describe("entityTag", () => {
  it("is another one for each representation", () => {
    assert.equal(entityTag(version, "raw"), `"${text}"`);
    assert.equal(entityTag(version, "json"), `"${text}.json"`);
  });

  it("comes back from a write's condition as the version, whatever the representation", () => {
    const versions = fc.record({ stamp: fc.bigInt(0n, 2n ** 63n - 1n), writer: fc.nat(2 ** 31 - 1) });
    const formats = fc.constantFrom<Format>("raw", "json", "xml", "html", "txt");
    fc.assert(
      fc.property(versions, formats, (some, format) => {
        const tag = entityTag(some, format);
        assert.deepEqual(writeCondition(tag, tag), {
          ifMatch: [formatVersion(some)],
          ifNoneMatch: [formatVersion(some)],
        });
        assert.equal(readPrecondition({ "if-match": tag }, some, format), "proceed");
        assert.equal(readPrecondition({ "if-none-match": `"x", ${tag}` }, some, format), "not_modified");
      }),
    );
  });
});

describe("parseEntityTags", () => {
  it("reads lists with any white space and empty members", () => {
    assert.deepEqual(parseEntityTags("If-Match", ' , "a"\t,W/"b,c" ,, "" '), [
      { isWeak: false, text: "a" },
      { isWeak: true, text: "b,c" },
      { isWeak: false, text: "" },
    ]);
    assert.equal(parseEntityTags("If-Match", " * "), "*");
  });

  for (const field of [
    "",
    " ",
    ",",
    "abc",
    '"a',
    'a"',
    '"a" "b"',
    'w/"a"',
    'W/ "a"',
    '*, "a"',
    '"a", *',
    '"a b"',
    `"a",${" ".repeat(16_000)}x`,
  ]) {
    it(`refuses ${JSON.stringify(field.slice(0, 20))} and names the header`, () => {
      assert.throws(() => parseEntityTags("If-None-Match", field), {
        code: "invalid_header",
        message: /^If-None-Match /,
      });
    });
  }

  it("throws nothing but StoreError", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(fc.constantFrom('"', ",", "W/", "*", "a", " ")).map((parts) => parts.join("")),
        ),
        (field) => {
          try {
            parseEntityTags("If-Match", field);
          } catch (error) {
            assert.ok(error instanceof StoreError);
          }
        },
      ),
    );
  });
});

describe("writeCondition", () => {
  it("is undefined without the headers, and has only what they give", () => {
    assert.equal(writeCondition(undefined, undefined), undefined);
    assert.deepEqual(writeCondition("*", undefined), { ifMatch: "*" });
    assert.deepEqual(writeCondition(undefined, "*"), { ifNoneMatch: "*" });
  });

  it("never lets a weak tag satisfy If-Match, and lets it count in If-None-Match", () => {
    assert.deepEqual(writeCondition(`W/"${text}"`, undefined), { ifMatch: [] });
    assert.deepEqual(writeCondition(undefined, `W/"${text}.xml"`), { ifNoneMatch: [text] });
  });

  it("leaves tags of others as they are", () => {
    assert.deepEqual(writeCondition('"a.json.bak", "b.yaml"', undefined), { ifMatch: ["a.json.bak", "b.yaml"] });
  });
});

describe("readPrecondition", () => {
  const cases: [claim: string, headers: object, current: Version | undefined, result: string][] = [
    ["proceeds without headers", {}, version, "proceed"],
    ["proceeds without headers and record", {}, undefined, "proceed"],
    ["holds If-Match of the current tag", { "if-match": `"${text}"` }, version, "proceed"],
    ["fails If-Match of an older tag", { "if-match": `"${text}"` }, other, "failed"],
    ["fails If-Match of another representation", { "if-match": `"${text}.json"` }, version, "failed"],
    ["fails a weak tag in If-Match", { "if-match": `W/"${text}"` }, version, "failed"],
    ["holds If-Match: * when there is a record", { "if-match": "*" }, version, "proceed"],
    ["fails If-Match: * when there is none", { "if-match": "*" }, undefined, "failed"],
    ["fails If-Match when there is none", { "if-match": `"${text}"` }, undefined, "failed"],
    ["is not modified for the current tag", { "if-none-match": `"${text}"` }, version, "not_modified"],
    ["is not modified for the current tag made weak", { "if-none-match": `W/"${text}"` }, version, "not_modified"],
    ["proceeds for another tag", { "if-none-match": `"${text}"` }, other, "proceed"],
    ["is not modified for If-None-Match: *", { "if-none-match": "*" }, version, "not_modified"],
    ["proceeds for If-None-Match: * when there is none", { "if-none-match": "*" }, undefined, "proceed"],
    ["looks at If-Match first", { "if-match": '"x"', "if-none-match": `"${text}"` }, version, "failed"],
    ["looks at If-None-Match next", { "if-match": "*", "if-none-match": `"${text}"` }, version, "not_modified"],
    ["is not modified since the same second", { "if-modified-since": same }, version, "not_modified"],
    ["is not modified since a later date", { "if-modified-since": after }, version, "not_modified"],
    ["is modified since an earlier date", { "if-modified-since": before }, version, "proceed"],
    ["ignores a malformed date", { "if-modified-since": "2027" }, version, "proceed"],
    [
      "ignores the date when there is a tag",
      { "if-none-match": '"x"', "if-modified-since": after },
      version,
      "proceed",
    ],
    ["fails If-Unmodified-Since an earlier date", { "if-unmodified-since": before }, version, "failed"],
    ["holds If-Unmodified-Since the same second", { "if-unmodified-since": same }, version, "proceed"],
    [
      "ignores If-Unmodified-Since beside If-Match",
      { "if-match": "*", "if-unmodified-since": before },
      version,
      "proceed",
    ],
    [
      "ignores dates when there is no record",
      { "if-unmodified-since": before, "if-modified-since": after },
      undefined,
      "proceed",
    ],
    [
      "reads the two old forms of dates",
      { "if-modified-since": "Monday, 23-Nov-26 12:00:01 GMT" },
      version,
      "not_modified",
    ],
    ["reads asctime dates as GMT", { "if-modified-since": "Mon Nov 23 12:00:01 2026" }, version, "not_modified"],
  ];
  for (const [claim, headers, current, result] of cases) {
    it(claim, () => assert.equal(readPrecondition(headers, current, "raw"), result));
  }
});
