import assert from "node:assert/strict";
import { it } from "node:test";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { openApiDocument } from "../../src/http/openapi.ts";

/** Rules of the recommended set that the description breaks on purpose. */
const exceptions = {
  // A stored JSON value, which may be anything, goes out under the media type of the document.
  "no-illogical-composition-keywords": "off",
  // Two answers are to methods that a description cannot have; `openapi.test.ts` allows these two alone.
  "no-unused-components": "off",
} as const;

it("the OpenAPI description passes Redocly's recommended rules, but for the exceptions that have a reason", async () => {
  const config = await createConfig({ extends: ["recommended"], rules: exceptions });
  const source = JSON.stringify(openApiDocument("1.0.0"), null, 1);
  const problems = await lintFromString({ source, config });
  const found = problems.map(({ ruleId, message, location }) => `${ruleId} at ${location[0]?.pointer}: ${message}`);
  assert.deepEqual(found, []);
  const broken = await lintFromString({
    source: source.replace('"operationId": "status"', '"operationId": "get"'),
    config,
  });
  assert.deepEqual([...new Set(broken.map(({ ruleId }) => ruleId))], ["operation-operationId-unique"]);
});
