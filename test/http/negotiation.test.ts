import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StoreError } from "../../src/errors.ts";
import { negotiate, negotiateDocument, negotiateProblem, negotiateValue } from "../../src/http/negotiation.ts";

const chrome =
  "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7";

describe("negotiation of a value", () => {
  for (const accept of [undefined, "", "*/*", " ", ",", "*", "*/*;q=0.1", "*/*;charset=utf-8"]) {
    it(`sends the bytes for Accept ${JSON.stringify(accept)}`, () => {
      assert.equal(negotiateValue(accept, undefined, "image/png"), "raw");
    });
  }

  const cases: [accept: string, type: string, format: string][] = [
    [chrome, "image/png", "html"],
    [chrome, "text/html", "raw"],
    [chrome, "text/html; charset=utf-8", "raw"],
    ["image/avif,image/webp,image/*,*/*;q=0.8", "image/png", "raw"],
    ["application/json", "application/json", "raw"],
    ["application/json", "text/plain", "json"],
    ["application/json;charset=utf-8", "application/json", "raw"],
    ["application/octet-stream", "application/octet-stream", "raw"],
    ["APPLICATION/JSON", "Application/Json", "raw"],
    ["text/*", "image/png", "html"],
    ["text/*", "text/css", "raw"],
    ["text/xml", "image/png", "xml"],
    ["application/xml", "image/png", "xml"],
    ["text/plain", "image/png", "txt"],
    ["text/html;level=1", "image/png", "html"],
    ["text/html;q=0.2, application/xml;q=0.3", "image/png", "xml"],
    ["application/json;q=0, */*;q=0.1", "application/json", "html"],
    ["*/*, image/png;q=0", "image/png", "json"],
    ["text/*;q=0.3, text/plain;q=0.7, */*;q=0.5", "image/png", "txt"],
    ["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "text/css", "html"],
    ["image/png, json", "image/png", "raw"],
    ["text/html;level=1;q=0.3, text/html;q=0.7, image/png;q=0.5", "text/html;level=1", "html"],
    ['application/json;profile="a,b;c", text/plain;q=0.1', "image/png", "json"],
    ["application/json; q = 0.1, text/plain", "image/png", "txt"],
    ["*/*", "not a media type", "raw"],
    ["application/json, */*;q=0.1", "not a media type", "json"],
    ["application/json", '/;;="', "json"],
  ];
  for (const [accept, type, format] of cases) {
    it(`gives ${format} of a stored ${type} for Accept: ${accept}`, () => {
      assert.equal(negotiateValue(accept, undefined, type), format);
    });
  }

  it("lets ?format= win over Accept", () => {
    assert.equal(negotiateValue("text/html", "json", "application/json"), "json");
    assert.equal(negotiateValue("text/html", "raw", "application/json"), "raw");
    assert.equal(negotiateValue("nonsense", "txt", "application/json"), "txt");
  });

  it("refuses what it cannot give and lists what it can", () => {
    for (const accept of ["image/png", "*/*;q=0", "application/pdf, image/*"]) {
      assert.throws(() => negotiateValue(accept, undefined, "text/css"), {
        code: "not_acceptable",
        details: {
          available: ["text/css", "application/json", "text/html", "application/xml", "text/xml", "text/plain"],
        },
      });
    }
  });

  it("refuses an Accept of which nothing can be read, and an unknown format", () => {
    assert.throws(() => negotiateValue("json", undefined, "text/css"), { code: "invalid_header" });
    assert.throws(() => negotiateValue("text/html;q=abc", undefined, "text/css"), { code: "invalid_header" });
    for (const name of ["yaml", "", "JSON", "__proto__"]) {
      assert.throws(() => negotiateValue(undefined, name, "text/css"), { code: "invalid_query" });
    }
  });
});

describe("negotiation of documents", () => {
  it("prefers JSON", () => {
    assert.equal(negotiateDocument(undefined, undefined), "json");
    assert.equal(negotiateDocument("*/*", undefined), "json");
    assert.equal(negotiateDocument("text/html, application/json", undefined), "json");
    assert.equal(negotiateDocument(chrome, undefined), "html");
  });

  it("has no raw form of them", () => {
    assert.throws(() => negotiateDocument(undefined, "raw"), { code: "not_acceptable" });
  });

  it("always finds a format for an error", () => {
    assert.equal(negotiateProblem("image/png", undefined), "json");
    assert.equal(negotiateProblem("json", undefined), "json");
    assert.equal(negotiateProblem("application/problem+xml", undefined), "xml");
    assert.equal(negotiateProblem("application/problem+json", undefined), "json");
    assert.equal(negotiateProblem("text/plain", "yaml"), "txt");
    assert.equal(negotiateProblem("text/plain", "html"), "html");
  });
});

describe("negotiate", () => {
  const acceptLike = fc.oneof(
    fc.string(),
    fc
      .array(fc.constantFrom("text/html", "*/*", "*", ";q=", "0.5", "1.5", ",", " ", '"', "\\", ";", "=", "/", "a"))
      .map((parts) => parts.join("")),
  );

  it("throws nothing but StoreError whatever Accept, format and stored type are", () => {
    fc.assert(
      fc.property(acceptLike, fc.option(fc.string(), { nil: undefined }), fc.string(), (accept, format, type) => {
        try {
          negotiateValue(accept, format, type);
        } catch (error) {
          assert.ok(error instanceof StoreError);
        }
        negotiateProblem(accept, format);
      }),
      { numRuns: 1000 },
    );
  });

  it("gives a media type that is accepted by name", () => {
    const types = ["application/json", "text/html", "text/plain", "image/png"];
    fc.assert(
      fc.property(fc.subarray(types, { minLength: 1 }), fc.constantFrom(...types), (offered, wanted) => {
        const offers = offered.map((mediaType) => ({ format: "raw" as const, mediaType }));
        if (offered.includes(wanted)) assert.equal(negotiate(wanted, undefined, offers).mediaType, wanted);
        else assert.throws(() => negotiate(wanted, undefined, offers), { code: "not_acceptable" });
      }),
    );
  });

  it("reads a long hostile Accept in no time", () => {
    for (const piece of [",", '"', ";", "a/b;", " ", "*/*,", '\\"']) {
      const start = performance.now();
      try {
        negotiateValue(piece.repeat(16_384 / piece.length), undefined, "text/css");
      } catch {}
      assert.ok(performance.now() - start < 100, piece);
    }
  });
});
