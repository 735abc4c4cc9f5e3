import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { serve } from "../http/serving.ts";
import { Visitor } from "./visitor.ts";

describe("the API page", () => {
  it("shows the operations and tries one, within its security policy and in both themes", async () => {
    const serving = await serve();
    const visitor = await Visitor.start(serving.url);
    try {
      for (const colorScheme of ["light", "dark"] as const) {
        const page = await visitor.open("/docs", { colorScheme });
        await page.locator(".opblock").first().waitFor();
        const paths = await page.locator(".opblock-summary-path").allInnerTexts();
        assert.ok(
          paths.some((path) => path.replaceAll("\u200b", "") === "/kv/{key}"),
          paths.join(" "),
        );
        await page.locator("#operations-service-status .opblock-summary-control").click();
        await page.getByRole("button", { name: "Execute" }).click();
        await page.locator(".live-responses-table .response-col_status", { hasText: "200" }).waitFor();
      }
      visitor.assertWell();
    } finally {
      await visitor.close();
      await serving.close();
    }
  });
});
