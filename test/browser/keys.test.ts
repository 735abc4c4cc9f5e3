import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { Page } from "playwright-core";
import { put, type Serving, serve } from "../http/serving.ts";
import { Visitor } from "./visitor.ts";

describe("the keys in a browser", () => {
  let serving: Serving;
  let visitor: Visitor;
  before(async () => {
    serving = await serve({}, { partitions: 3 });
    for (let number = 100; number < 230; number++) await put(serving, `fruit/apple/${number}`, "x");
    await put(serving, "fruit/pear", "xx", { "X-TTL": "5000" });
    await put(serving, "fruit/../odd ?#%&+ü/<b>", "odd");
    await put(serving, "top", "hello");
    visitor = await Visitor.start(serving.url);
  });
  after(async () => {
    await visitor.close();
    await serving.close();
  });
  afterEach(() => visitor.assertWell());

  const names = (page: Page) => page.locator(".keys .key").allInnerTexts();

  for (const javaScriptEnabled of [true, false]) {
    describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
      it("are browsed by folders, down and up again", async () => {
        const page = await visitor.open("/", { javaScriptEnabled });
        assert.deepEqual(await names(page), ["fruit/", "top"]);
        await page.getByRole("link", { name: "fruit/" }).click();
        assert.deepEqual(await names(page), ["../", "apple/", "pear"]);
        await page.getByRole("link", { name: "pear" }).click();
        assert.equal(await page.locator("h1").innerText(), "fruit/pear");
        await page.getByRole("link", { name: "fruit", exact: true }).click();
        assert.deepEqual(await names(page), ["../", "apple/", "pear"]);
        await page.getByRole("link", { name: "All keys" }).click();
        assert.deepEqual(await names(page), ["fruit/", "top"]);
      });

      it("are searched by prefix, with size, age and expiry", async () => {
        const page = await visitor.open("/kv", { javaScriptEnabled });
        await page.getByLabel("Keys that begin with").fill("fruit/p");
        await page.getByRole("button", { name: "Search" }).click();
        const cells = await page.locator(".keys tbody td").allInnerTexts();
        assert.deepEqual([cells[0], cells[2]], ["fruit/pear", "2 B"]);
        assert.match(cells[3]!, javaScriptEnabled ? /ago|now/ : /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
        assert.match(cells[4]!, javaScriptEnabled ? /^in 1 hr/ : /UTC$/);
      });

      it("come in pages", async () => {
        const page = await visitor.open("/kv?prefix=fruit/apple/&limit=100", { javaScriptEnabled });
        assert.equal((await names(page)).length, 100);
        await page.getByRole("link", { name: "Next page" }).click();
        assert.equal((await names(page)).length, 30);
        assert.equal(await page.getByRole("link", { name: "Next page" }).count(), 0);
        await page.getByRole("link", { name: "First page" }).click();
        assert.equal((await names(page))[0], "fruit/apple/100");
      });

      it("may be any text", async () => {
        const page = await visitor.open("/kv?prefix=fruit/..", { javaScriptEnabled });
        await page.locator(".keys .key").click();
        assert.equal(await page.locator("h1").innerText(), "fruit/../odd ?#%&+ü/<b>");
        assert.equal(await page.locator(".value").innerText(), "odd");
      });
    });
  }

  it("that are new are made in a dialog, and never over one that exists", async () => {
    const page = await visitor.open("/kv?delimiter=/&prefix=fruit/", { expected: [412] });
    await page.getByRole("button", { name: "New key" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Key", { exact: true }).fill("fruit/pear");
    await dialog.getByLabel("Value").fill('{"ripe":true}');
    await dialog.getByLabel("Media type").fill("application/json");
    await dialog.getByLabel("Metadata").fill("owner: ann");
    await dialog.getByLabel("Expires after").fill("1h");
    await dialog.getByRole("button", { name: "Create" }).click();
    await dialog.getByText("This key exists already.").waitFor();
    assert.equal(await (await serving.request("/kv/fruit/pear")).text(), "xx");

    await dialog.getByLabel("Key", { exact: true }).fill("fruit/plum / new?");
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByText("The key was created.").waitFor();
    assert.equal(await page.locator("h1").innerText(), "fruit/plum / new?");
    const response = await serving.request("/kv?key=fruit/plum%20/%20new?");
    assert.deepEqual(
      [response.headers.get("Content-Type"), await response.text()],
      ["application/json", '{"ripe":true}'],
    );
    assert.equal(response.headers.get("Kvasir-Meta-Owner"), "ann");
    assert.ok(Number(response.headers.get("X-TTL")) > 3500);
  });

  it("that are new may have a file's bytes", async () => {
    const page = await visitor.open("/kv?delimiter=/");
    await page.getByRole("button", { name: "New key" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Key", { exact: true }).fill("upload");
    const bytes = Buffer.from([0, 1, 2, 0xff]);
    await dialog.getByLabel("or a file instead").setInputFiles({ name: "b.bin", mimeType: "image/x-b", buffer: bytes });
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByText("The key was created.").waitFor();
    assert.match(await page.locator(".hex").innerText(), /^00000000 {2}00 01 02 ff /);
    const response = await serving.request("/kv/upload");
    assert.equal(response.headers.get("Content-Type"), "image/x-b");
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
  });

  it("say what is wrong with a key that cannot be", async () => {
    const page = await visitor.open("/kv?delimiter=/", { expected: [400] });
    await page.getByRole("button", { name: "New key" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Key", { exact: true }).fill("k");
    await dialog.getByLabel("Metadata").fill("no colon");
    await dialog.getByRole("button", { name: "Create" }).click();
    await dialog.getByText("has no colon").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await dialog.isVisible(), false);
  });

  it("are searched after one press of /", async () => {
    const page = await visitor.open("/kv?delimiter=/");
    await page.keyboard.press("/");
    await page.keyboard.type("to");
    await page.keyboard.press("Enter");
    await page.waitForURL(/prefix=to/);
    assert.deepEqual(await names(page), ["top"]);
  });
});
