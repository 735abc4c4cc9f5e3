import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { Page } from "playwright-core";
import { put, type Serving, serve } from "../http/serving.ts";
import { type LowContrast, lowContrasts, variableContrasts } from "./contrast.ts";
import { Visitor } from "./visitor.ts";

const pages = ["/kv?delimiter=/", "/kv/folder/a", "/status", "/replicas/folder/a", "/kv/missing", "/kv?prefix=none"];
const weightMax = 150 * 2 ** 10;

describe("every page", () => {
  let serving: Serving;
  let visitor: Visitor;
  before(async () => {
    serving = await serve({}, { partitions: 3 });
    await put(serving, "folder/a", '{"a":[1,"two",null]}', { "Content-Type": "application/json", "X-TTL": "600" });
    for (let number = 0; number < 120; number++)
      await put(serving, `debian/pool/package-${number}`, "x".repeat(number));
    await put(serving, "a", "x");
    visitor = await Visitor.start(serving.url);
  });
  after(async () => {
    await visitor.close();
    await serving.close();
  });
  afterEach(() => visitor.assertWell());

  for (const colorScheme of ["light", "dark"] as const) {
    it(`has text that stands out from its ground, in ${colorScheme} colours`, async () => {
      const found: (LowContrast & { path: string })[] = [];
      for (const path of pages) {
        const page = await visitor.open(path, { colorScheme, expected: [404] });
        await openForms(page);
        found.push(...(await lowContrasts(page)).map((each) => ({ path, ...each })));
        await page.context().close();
      }
      assert.deepEqual(found, []);
    });

    it(`has the same for what is drawn without elements, in ${colorScheme} colours`, async () => {
      const page = await visitor.open("/kv/folder/a", { colorScheme });
      const pairs = [
        ["--json-name", "--code"],
        ["--json-text", "--code"],
        ["--json-literal", "--code"],
        ["--quiet", "--card"],
        ["--danger", "--danger-ground"],
        ["--warn", "--warn-ground"],
        ["--busy", "--busy-ground"],
        ["--ink", "--mine"],
      ] as const;
      for (const { pair, ratio } of await variableContrasts(page, pairs)) assert.ok(ratio >= 4.5, `${pair}: ${ratio}`);
    });
  }

  it("fits a phone", async () => {
    for (const path of pages) {
      const page = await visitor.open(path, { viewport: { width: 360, height: 740 }, expected: [404] });
      await openForms(page);
      const width = await page.evaluate("document.documentElement.scrollWidth");
      assert.equal(width, 360, path);
      await page.context().close();
    }
  });

  it("weighs little, all of its files together and before compression", async () => {
    for (const path of pages) {
      const page = await visitor.open("about:blank", { expected: [404] });
      const sizes: Promise<number>[] = [];
      page.on("response", (response) => sizes.push(response.body().then((body) => body.length)));
      await page.goto(path, { waitUntil: "load" });
      page.removeAllListeners("response");
      const weight = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
      assert.ok(weight > 10_000 && weight < weightMax, `${path} weighs ${weight} bytes`);
      await page.context().close();
    }
  });

  it("is walked by keyboard from top to bottom, and shows where one is", async () => {
    for (const path of ["/kv?delimiter=/", "/kv/folder/a", "/status"]) {
      const page = await visitor.open(path);
      const stops = await tabStops(page);
      assert.deepEqual(
        stops.slice(0, 5).map(({ name }) => name),
        ["Skip to content", "Kvasir", "Keys", "Status", "API"],
      );
      assert.ok(
        stops.every(({ isOutlined }) => isOutlined),
        JSON.stringify(stops.filter((each) => !each.isOutlined)),
      );
      const orders = stops.map(({ order }) => order);
      assert.deepEqual(
        orders,
        orders.toSorted((a, b) => a - b),
        path,
      );
      await page.context().close();
    }
  });

  it("lets the keyboard out of a dialog, back to where it was opened", async () => {
    const page = await visitor.open("/kv?delimiter=/");
    const opener = page.getByRole("button", { name: "New key" });
    await opener.focus();
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate("document.activeElement.name"), "key");
    await page.keyboard.press("Escape");
    assert.equal(await page.evaluate("document.activeElement.id"), "new");
  });
});

/** Shows what scripts open: the dialogs and the editor. */
async function openForms(page: Page): Promise<void> {
  const edit = page.locator("#edit");
  if (await edit.isVisible()) {
    await edit.click();
    await page.locator("#editor").waitFor();
    await page.locator("#delete").click();
  }
  const add = page.locator("#new");
  if (await add.isVisible()) await add.click();
}

interface TabStop {
  readonly name: string;
  /** Its place among all elements. */
  readonly order: number;
  readonly isOutlined: boolean;
}

/** Where the keyboard leads until it leaves the page. */
async function tabStops(page: Page): Promise<TabStop[]> {
  const stops: TabStop[] = [];
  while (stops.length < 300) {
    await page.keyboard.press("Tab");
    const stop = (await page.evaluate(`(() => {
      const element = document.activeElement;
      if (element === document.body) return null;
      const style = getComputedStyle(element);
      return {
        name: element.innerText || element.name || element.className,
        order: [...document.querySelectorAll("*")].indexOf(element),
        isOutlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
      };
    })()`)) as TabStop | null;
    if (stop === null || stop.order === stops[0]?.order) break;
    stops.push(stop);
  }
  return stops;
}
