import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { errorCodes } from "../../src/errors.ts";
import { openApiDocument } from "../../src/http/openapi.ts";

const document = JSON.parse(JSON.stringify(openApiDocument("1.2.3")));
const operations = Object.values(document.paths).flatMap((item) => Object.values(item as object));

describe("the OpenAPI description", () => {
  it("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document));
    assert.ok(valid, JSON.stringify(errors));
    assert.equal(validator.version, "3.1");
  });

  it("refers only to what it has, and has nothing that is not referred to", () => {
    const text = JSON.stringify(document);
    const references = new Set(
      [...text.matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)].map(([, kind, name]) => `${kind}/${name}`),
    );
    const { securitySchemes, ...components } = document.components;
    const schemes = document.security.flatMap((each: object) => Object.keys(each));
    assert.deepEqual(Object.keys(securitySchemes), schemes);
    const unused = Object.entries(components).flatMap(([kind, members]) =>
      Object.keys(members as object)
        .map((name) => `${kind}/${name}`)
        .filter((name) => !references.delete(name)),
    );
    assert.deepEqual([...references], []);
    // Statuses that no described operation gives: of unknown paths, methods and hosts.
    assert.deepEqual(unused, ["responses/Problem405", "responses/Problem501"]);
  });

  it("gives each operation a name of its own", () => {
    const names = operations.map((operation) => operation.operationId);
    assert.equal(new Set(names).size, names.length);
  });

  it("declares no parameter twice in one operation", () => {
    for (const operation of operations) {
      const names = (operation.parameters ?? []).map(
        ({ $ref, ...inline }: { $ref?: string; name?: string; in?: string }) => {
          const { name, in: place } =
            $ref === undefined ? inline : document.components.parameters[$ref.split("/").at(-1)!];
          return `${name} in ${place}`;
        },
      );
      assert.equal(new Set(names).size, names.length, operation.operationId);
    }
  });

  it("names every error code in a response and in the schema of problems", () => {
    const descriptions = Object.values(document.components.responses).map(
      (response) => (response as { description: string }).description,
    );
    for (const code of Object.keys(errorCodes)) assert.ok(descriptions.join().includes(`\`${code}\``), code);
    assert.deepEqual(document.components.schemas.Problem.properties.code.enum, Object.keys(errorCodes));
  });
});
