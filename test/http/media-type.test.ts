import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isJsonType, isTextType, storedType } from "../../src/http/media-type.ts";

const text = Buffer.from("grün");
const bytes = Buffer.from([0xff, 0xfe]);

describe("storedType", () => {
  for (const type of [
    undefined,
    "",
    "application/x-www-form-urlencoded",
    "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
  ]) {
    it(`decides by the body for ${type ?? "no type"}`, () => {
      assert.equal(storedType(type, text), "text/plain; charset=utf-8");
      assert.equal(storedType(type, Buffer.alloc(0)), "text/plain; charset=utf-8");
      assert.equal(storedType(type, bytes), "application/octet-stream");
    });
  }

  for (const type of ["image/png", "TEXT/html;charset=X", "not a type", "application/json", "a".repeat(255)]) {
    it(`keeps ${type.slice(0, 20)} verbatim`, () => assert.equal(storedType(type, bytes), type));
  }

  for (const type of ["a".repeat(256), "text/\u00fc", "text/plain\tx", "text/plain\u0007", "\u007f"]) {
    it(`refuses ${JSON.stringify(type.slice(0, 20))} by name`, () => {
      assert.throws(() => storedType(type, text), { code: "invalid_header", message: /^Content-Type / });
    });
  }
});

describe("isJsonType", () => {
  for (const type of ["application/json", "APPLICATION/JSON ; charset=utf-8", "application/ld+json", "image/x+json"]) {
    it(`holds for ${type}`, () => assert.equal(isJsonType(type), true));
  }
  for (const type of [
    "",
    "json",
    "+json",
    "text/plain",
    "application/jsonx",
    "application/json-patch",
    "text/plain; x=+json",
  ]) {
    it(`does not hold for ${JSON.stringify(type)}`, () => assert.equal(isJsonType(type), false));
  }
});

describe("isTextType", () => {
  it("holds for text types alone", () => {
    assert.equal(isTextType("Text/CSV; charset=utf-8"), true);
    assert.equal(isTextType("application/json"), false);
    assert.equal(isTextType("text"), false);
  });
});
