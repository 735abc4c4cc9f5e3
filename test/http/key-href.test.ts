import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { keyHref } from "../../src/http/key-href.ts";

describe("keyHref", () => {
  const cases: [key: string, href: string][] = [
    ["a/b c", "/kv/a/b%20c"],
    ["a+b?c#d%2F&", "/kv/a%2Bb%3Fc%23d%252F%26"],
    ["a/", "/kv/a/"],
    ["..a/.b/c..", "/kv/..a/.b/c.."],
    [".", "/kv?key=."],
    ["a/../b", "/kv?key=a%2F..%2Fb"],
    ["/a", "/kv?key=%2Fa"],
    ["a//b", "/kv?key=a%2F%2Fb"],
    ["a/..", "/kv?key=a%2F.."],
  ];
  for (const [key, href] of cases) it(`is ${href} for ${key}`, () => assert.equal(keyHref(key), href));

  it("leads a browser to the key itself", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.oneof(
            fc.constantFrom("/", ".", "%", "2", "e"),
            fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
          ),
          minLength: 1,
        }),
        (key) => {
          const url = new URL(keyHref(key), "http://h");
          const found = url.searchParams.get("key") ?? decodeURIComponent(url.pathname.slice("/kv/".length));
          assert.equal(found, key);
        },
      ),
    );
  });
});
