import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { Page } from "playwright-core";
import { deploy } from "../faults/deployment.ts";
import { put, type Serving, serve } from "../http/serving.ts";
import { eventually } from "../support/memory-store.ts";
import { Visitor } from "./visitor.ts";

describe("the status in a browser", () => {
  let serving: Serving;
  let visitor: Visitor;
  before(async () => {
    serving = await serve({}, { partitions: 3 });
    visitor = await Visitor.start(serving.url);
  });
  after(async () => {
    await visitor.close();
    await serving.close();
  });
  afterEach(() => visitor.assertWell());

  const chart = (page: Page, title: string) => page.locator(".chart", { hasText: title });
  const figures = async (page: Page, title: string) =>
    (await chart(page, title).locator("li b").allInnerTexts()).map(Number);
  const picture = (page: Page, title: string) =>
    chart(page, title)
      .locator("canvas")
      .evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());

  it("draws requests, latency and batches as they come", async () => {
    const page = await visitor.open("/status");
    await chart(page, "Requests").locator("canvas").waitFor();
    const empty = await picture(page, "Requests");
    let isLoading = true;
    const load = (async () => {
      while (isLoading) {
        await Promise.all(Array.from({ length: 20 }, (_, number) => put(serving, `k${number}`, "x")));
        await Promise.all(Array.from({ length: 20 }, (_, number) => serving.request(`/kv/k${number}`)));
      }
    })();
    try {
      await eventually(async () => {
        const [reads = 0, writes = 0] = await figures(page, "Requests");
        return reads > 1 && writes > 1;
      });
      const [half = 0, most = 0] = await figures(page, "Time to answer");
      assert.ok(half > 0 && most >= half, `${half} and ${most} ms`);
      await eventually(async () => (await figures(page, "Batch size")).some((size) => size >= 1));
      assert.notEqual(await picture(page, "Requests"), empty);
    } finally {
      isLoading = false;
      await load;
    }
    await eventually(async () => (await figures(page, "Requests"))[0] === 0);
  });

  it("says when this front end does not answer, and goes on when it does", async () => {
    const page = await visitor.open("/status");
    await page.context().setOffline(true);
    await page.getByText("This front end does not answer").waitFor();
    visitor.forgive(/ERR_INTERNET_DISCONNECTED/);
    await page.context().setOffline(false);
    await page.getByText("partitions steady, as of").waitFor();
  });

  it("tells the states in words without scripts", async () => {
    serving.partitions[1]!.faults.isDown = true;
    try {
      for (let number = 0; number < 20; number++) await put(serving, `k${number}`, "x");
      const page = await visitor.open("/status", { javaScriptEnabled: false });
      assert.match(await page.locator("#partition-p2").innerText(), /away/);
      assert.match(await page.locator("#partition-p1").innerText(), /steady/);
      assert.match(await page.locator("#sync").innerText(), /Last comparison/);
      assert.equal(await page.locator("#charts").isVisible(), false);
    } finally {
      serving.partitions[1]!.faults.isDown = false;
    }
  });
});

it("a server that is killed turns up as away, with what it is owed, and as steady when it is back", async () => {
  const deployment = await deploy({ databases: 2, servers: 1, syncs: 0, timeouts: ["3s", "5s"] });
  const [url] = deployment.urls as [string];
  let visitor: Visitor | undefined;
  try {
    visitor = await Visitor.start(url);
    const page = await visitor.open("/status");
    const tile = page.locator("#partition-partition-2");
    await tile.getByText("steady", { exact: true }).waitFor();
    await deployment.databases[1]!.kill();
    await fetch(`${url}/kv/k`, { method: "PUT", body: "x" });
    await tile.getByText("away", { exact: true }).waitFor();
    await page.getByText(/^\d+ to partition-2, the oldest/).waitFor();
    const owed = page.locator(".chart", { hasText: "Hints owed" }).locator("li b").first();
    await eventually(async () => Number(await owed.innerText()) > 0);
    await deployment.databases[1]!.start();
    await tile.getByText("steady", { exact: true }).waitFor();
    await page.getByText(/^\d+ to partition-2, the oldest/).waitFor({ state: "detached" });
    visitor.assertWell();
  } finally {
    await visitor?.close();
    await deployment.stop();
  }
});
