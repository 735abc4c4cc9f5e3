import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StoreError } from "../../src/errors.ts";
import { applyPatch } from "../../src/http/patches.ts";

const merge = "application/merge-patch+json";
const operations = "application/json-patch+json";

function patched(type: string, patch: unknown, current: unknown): string {
  const text = (part: unknown) => Buffer.from(typeof part === "string" ? part : JSON.stringify(part));
  return Buffer.from(applyPatch(type, text(patch), "application/json", text(current))).toString();
}

const refused = (type: string, patch: unknown, current: unknown, code: string) =>
  assert.throws(() => patched(type, patch, current), { name: "StoreError", code });

describe("applyPatch", () => {
  it("knows two formats, with parameters and in any case, and names them", () => {
    assert.equal(patched("Application/Merge-Patch+JSON; charset=utf-8", "{}", "{}"), "{}");
    for (const type of ["application/json", "", "constructor", "__proto__", undefined]) {
      assert.throws(() => applyPatch(type, Buffer.from("{}"), "application/json", Buffer.from("{}")), {
        code: "patch_type_unsupported",
        message: /application\/merge-patch\+json, application\/json-patch\+json/,
      });
    }
  });

  it("patches only what is stored as JSON and is JSON", () => {
    const patch = Buffer.from("{}");
    assert.throws(() => applyPatch(merge, patch, "text/plain", Buffer.from("{}")), { code: "not_json" });
    for (const value of ["", "test_data", "{", "\ufeff{}"]) refused(merge, "{}", value, "not_json");
    assert.throws(() => applyPatch(merge, patch, "application/json", Buffer.from([0x22, 0xff, 0x22])), {
      code: "not_json",
    });
    assert.equal(String(applyPatch(merge, patch, "application/ld+json", Buffer.from("{}"))), "{}");
  });

  it("refuses a patch that is not JSON", () => {
    for (const patch of ["", "{", "undefined"]) {
      refused(merge, patch, {}, "invalid_body");
      refused(operations, patch, {}, "invalid_body");
    }
  });

  it("keeps the digits of all numbers", () => {
    const value = '{"id":9007199254740993,"price":1.10,"huge":1e400,"zero":-0,"list":[12345678901234567890]}';
    assert.equal(
      patched(merge, '{"x":18446744073709551615}', value),
      `${value.slice(0, -1)},"x":18446744073709551615}`,
    );
    assert.equal(
      patched(operations, '[{"op":"copy","from":"/id","path":"/id2"}]', '{"id":9007199254740993}'),
      '{"id":9007199254740993,"id2":9007199254740993}',
    );
  });

  it("says so when the nesting is too deep", () => {
    refused(merge, `${"[".repeat(100_000)}${"]".repeat(100_000)}`, {}, "patch_failed");
    refused(merge, {}, `${"[".repeat(100_000)}${"]".repeat(100_000)}`, "patch_failed");
  });

  it("throws nothing but StoreError for any patch of any value", () => {
    const pointers = fc.constantFrom(
      "",
      "/",
      "/a",
      "/a/0",
      "/a/-",
      "/__proto__/x",
      "/constructor",
      "/~0",
      "/~2",
      "x",
      "/a/00",
    );
    const operation = fc.record(
      {
        op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test", "spam"),
        path: pointers,
        from: pointers,
        value: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), fc.array(operation)),
        fc.oneof(fc.jsonValue(), fc.constant({ a: [1, 2] })),
        (patch, value) => {
          for (const type of [merge, operations]) {
            try {
              JSON.parse(patched(type, JSON.stringify(patch), JSON.stringify(value)));
            } catch (error) {
              assert.ok(error instanceof StoreError, String(error));
            }
          }
        },
      ),
    );
    assert.equal(Object.keys(Object.prototype).length, 0);
  });
});

describe("JSON Merge Patch", () => {
  // The test cases of RFC 7396, appendix A.
  const cases: [original: unknown, patch: unknown, result: unknown][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, "null", null],
    [{ a: "foo" }, '"bar"', "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ a: [null] }, { a: [null, 1] }, { a: [null, 1] }],
  ];
  for (const [original, patch, result] of cases) {
    it(`makes ${JSON.stringify(result)} of ${JSON.stringify(original)} with ${JSON.stringify(patch)}`, () => {
      assert.equal(patched(merge, patch, original), JSON.stringify(result));
    });
  }

  it("takes __proto__, constructor and prototype for names like any other", () => {
    assert.equal(
      patched(merge, '{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}},"b":2}', "{}"),
      '{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}},"b":2}',
    );
    assert.equal(patched(merge, '{"__proto__":null,"toString":null}', '{"__proto__":{"x":1},"a":1}'), '{"a":1}');
    assert.equal("x" in {}, false);
  });
});

describe("JSON Patch", () => {
  const one = (operation: object, current: unknown) => patched(operations, [operation], current);
  const fails = (operation: object, current: unknown) => refused(operations, [operation], current, "patch_failed");
  const isInvalid = (patch: unknown) => refused(operations, patch, {}, "invalid_body");

  it("adds members and items, also behind the last", () => {
    assert.equal(one({ op: "add", path: "/b", value: null }, { a: 1 }), '{"a":1,"b":null}');
    assert.equal(one({ op: "add", path: "/a", value: 2 }, { a: 1 }), '{"a":2}');
    assert.equal(one({ op: "add", path: "/1", value: 9 }, [1, 2]), "[1,9,2]");
    assert.equal(one({ op: "add", path: "/2", value: 9 }, [1, 2]), "[1,2,9]");
    assert.equal(one({ op: "add", path: "/-", value: [9] }, [1, 2]), "[1,2,[9]]");
    assert.equal(one({ op: "add", path: "", value: 5 }, { a: 1 }), "5");
    assert.equal(one({ op: "add", path: "/", value: 5 }, {}), '{"":5}');
  });

  it("adds nothing where there is no parent or no such index", () => {
    for (const path of ["/3", "/01", "/1e0", "/a", "/+1", "/", "/0/x", "/99999999999"])
      fails({ op: "add", path, value: 1 }, [1, 2]);
    for (const path of ["/x/y", "/a/b", "/toString/x"]) fails({ op: "add", path, value: 1 }, { a: 1 });
  });

  it("removes, replaces, moves and copies what is there", () => {
    assert.equal(one({ op: "remove", path: "/a/0" }, { a: [1, 2] }), '{"a":[2]}');
    assert.equal(one({ op: "replace", path: "/a", value: null }, { a: 1 }), '{"a":null}');
    assert.equal(one({ op: "replace", path: "", value: [] }, { a: 1 }), "[]");
    assert.equal(one({ op: "move", from: "/a", path: "/b/-" }, { a: 1, b: [] }), '{"b":[1]}');
    assert.equal(one({ op: "move", from: "/a/0", path: "/a/1" }, { a: [1, 2, 3] }), '{"a":[2,1,3]}');
    assert.equal(one({ op: "move", from: "/a", path: "" }, { a: { b: 1 } }), '{"b":1}');
    assert.equal(one({ op: "move", from: "/a", path: "/a" }, { a: 1 }), '{"a":1}');
    assert.equal(one({ op: "copy", from: "", path: "/a" }, { b: 1 }), '{"b":1,"a":{"b":1}}');
    assert.equal(
      patched(
        operations,
        [
          { op: "copy", from: "/a", path: "/b" },
          { op: "add", path: "/a/x", value: 1 },
        ],
        { a: {} },
      ),
      '{"a":{"x":1},"b":{}}',
    );
  });

  it("fails for what is not there", () => {
    for (const path of ["/b", "/a/0", "/toString", "/__proto__", "/constructor"]) {
      fails({ op: "remove", path }, { a: 1 });
      fails({ op: "replace", path, value: 1 }, { a: 1 });
      fails({ op: "move", from: path, path: "/x" }, { a: 1 });
      fails({ op: "copy", from: path, path: "/x" }, { a: 1 });
      fails({ op: "test", path, value: null }, { a: 1 });
    }
    for (const path of ["/2", "/-", "/", "/length"]) fails({ op: "remove", path }, [1, 2]);
    fails({ op: "move", from: "/a", path: "/a/b" }, { a: {} });
    fails({ op: "remove", path: "" }, { a: 1 });
  });

  it("unescapes ~0 and ~1 in the right order", () => {
    assert.equal(one({ op: "remove", path: "/a~1b" }, { "a/b": 1, "~1": 2 }), '{"~1":2}');
    assert.equal(one({ op: "remove", path: "/~01" }, { "a/b": 1, "~1": 2 }), '{"a/b":1}');
  });

  it("tests by value, whatever the order of members and the spelling of numbers", () => {
    const current = '{"a":{"x":1,"y":[1.0,null]},"n":9007199254740993,"z":-0,"s":"1"}';
    const equal: [path: string, value: string][] = [
      ["/a", '{"y":[1,null],"x":1e0}'],
      ["/n", "9007199254740993.0"],
      ["/z", "0"],
      ["/a/x", "0.1e1"],
      ["/a/y/1", "null"],
    ];
    for (const [path, value] of equal)
      assert.ok(patched(operations, `[{"op":"test","path":"${path}","value":${value}}]`, current), path);
    const different: [path: string, value: string][] = [
      ["/a", '{"y":[1],"x":1}'],
      ["/a", '{"x":1}'],
      ["/n", "9007199254740992"],
      ["/s", "1"],
      ["/a/y", '{"0":1,"1":null}'],
      ["/a/x", "10"],
      ["/a/x", "-1"],
      ["/a", "null"],
    ];
    for (const [path, value] of different)
      refused(operations, `[{"op":"test","path":"${path}","value":${value}}]`, current, "patch_failed");
  });

  it("treats __proto__ as a name and never touches prototypes", () => {
    assert.equal(one({ op: "add", path: "/__proto__", value: { x: 1 } }, {}), '{"__proto__":{"x":1}}');
    fails({ op: "add", path: "/__proto__/x", value: 1 }, {});
    fails({ op: "add", path: "/constructor/prototype/x", value: 1 }, {});
    assert.equal("x" in {}, false);
  });

  it("refuses what is no list of operations", () => {
    for (const patch of [
      {},
      "null",
      "1",
      [1],
      [null],
      [[]],
      [{}],
      [{ op: "add", path: "/a" }],
      [{ op: "test", path: "/a" }],
      [{ op: "remove" }],
    ])
      isInvalid(patch);
    for (const path of ["a", "/~", "/~2", 1, null, ["a"]]) isInvalid([{ op: "remove", path }]);
    isInvalid([{ op: "spam", path: "/a" }]);
    isInvalid([{ op: { toString: 1 }, path: "/a", value: 1 }]);
    isInvalid([{ op: "move", path: "/a" }]);
    isInvalid([{ op: "copy", path: "/a", from: "b" }]);
    isInvalid('[{"op":1.0,"path":"/a"}]');
    isInvalid(Array.from({ length: 1001 }, () => ({ op: "test", path: "", value: {} })));
  });

  it("finds a bad operation before it applies any, and names the one that fails", () => {
    isInvalid([
      { op: "test", path: "", value: 1 },
      { op: "spam", path: "" },
    ]);
    assert.throws(
      () =>
        patched(
          operations,
          [
            { op: "add", path: "/a", value: 1 },
            { op: "remove", path: "/b" },
          ],
          {},
        ),
      { message: /^operation 1 \(remove \/b\)/ },
    );
  });

  it("stops a patch that copies the document into itself until it fills the memory", () => {
    const copy = { op: "copy", from: "", path: "/a" };
    const double = Array.from({ length: 60 }, (_, index) => ({ op: "copy", from: "", path: `/${index}` }));
    refused(operations, double, { text: "x".repeat(1000) }, "patch_failed");
    assert.ok(patched(operations, [copy, copy], { text: "x" }));
  });
});
