import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { type Deployment, deploy } from "../test/faults/deployment.ts";
import { startBrowser } from "../test/support/chromium.ts";

/**
 * `npm run screenshots`: the pictures of the pages in `docs/pictures`, from a front end on three MariaDB servers with
 * data and load, of which one is away for a while.
 */

const folder = "docs/pictures";
const bytesMax = 150 * 2 ** 10;
const viewport = { width: 1100, height: 760 };
const themes = ["light", "dark"] as const;

const ann = {
  name: "Ann Lindqvist",
  email: "ann@example.org",
  roles: ["editor", "reviewer"],
  address: { street: "Kungsgatan 12", city: "Uppsala", country: "SE" },
  newsletter: true,
  lastOrder: 1039,
  note: null,
};

const deployment = await deploy({ databases: 3, servers: 1, syncs: 0, timeouts: ["3s", "5s"] });
const [url] = deployment.urls as [string];
let browser: Browser | undefined;
try {
  await fill();
  browser = await startBrowser();
  for (const theme of themes) {
    await take("browse", theme, await open("/kv?delimiter=/&prefix=shop/", theme));
    await take("value", theme, await open("/kv/shop/customers/ann", theme, "#replicas table"));
  }
  await takeConflict();
  await takeStatus();
} finally {
  await browser?.close();
  await deployment.stop();
}

async function fill(): Promise<void> {
  const json = { "Content-Type": "application/json" };
  await put("shop/customers/ann", JSON.stringify(ann), {
    ...json,
    "Kvasir-Meta-Owner": "crm",
    "Kvasir-Meta-Schema": "3",
  });
  await put("shop/customers/bo", '{"name":"Bo"}', json);
  for (let order = 1001; order < 1040; order++) await put(`shop/orders/2026/${order}`, `{"order":${order}}`, json);
  await put("shop/carts/7f3a", '{"items":[]}', { ...json, "X-TTL": "1800" });
  await put("shop/logo.svg", readFileSync("src/ui/icon.svg", "utf8"), { "Content-Type": "image/svg+xml" });
  await put("shop/terms.txt", "Terms and conditions\n".repeat(400), { "Content-Type": "text/plain; charset=utf-8" });
  await put("shop/index.html", "<h1>Shop</h1>", { "Content-Type": "text/html" });
  await put("shop/rates/2026-11-23", '{"EUR":11.02,"NOK":0.94}', json);
  await put("shop/feed.xml", "<feed/>", { "Content-Type": "application/xml" });
  await put("shop/banner", new Uint8Array(48_211), { "Content-Type": "application/octet-stream" });
  await put("shop/settings", '{"currency":"SEK","vat":0.25}', json);
  await put("shop/maintenance", "back at noon", { "Content-Type": "text/plain; charset=utf-8", "X-TTL": "5400" });
}

/** Somebody else stores another version while this one is edited. */
async function takeConflict(): Promise<void> {
  const key = "shop/settings";
  await put(key, '{\n  "currency": "SEK",\n  "vat": 0.25,\n  "language": "sv"\n}', {
    "Content-Type": "application/json",
  });
  const page = await open(`/kv/${key}`, "light");
  await page.getByRole("button", { name: "Edit" }).click();
  await page
    .getByRole("textbox", { name: "Value" })
    .fill('{\n  "currency": "SEK",\n  "vat": 0.12,\n  "language": "sv"\n}');
  await put(key, '{\n  "currency": "EUR",\n  "vat": 0.25,\n  "language": "sv"\n}', {
    "Content-Type": "application/json",
  });
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("#conflict").waitFor();
  await page.locator("#conflict-title").evaluate((title) => (title as unknown as { blur(): void }).blur());
  await take("conflict", "light", page);
}

/** With a server that is killed under load in the dark one, and back in the light one. */
async function takeStatus(): Promise<void> {
  const [light, dark] = [await open("/status", "light"), await open("/status", "dark")];
  for (const page of [light, dark]) await page.setViewportSize({ width: viewport.width, height: 820 });
  let isLoading = true;
  const load = (async () => {
    for (let turn = 0; isLoading; turn++) {
      const length = 20 + Math.round(15 * Math.sin(turn / 25));
      const one = async (number: number) => {
        // What fails while the server dies is drawn, too.
        const init = number % 4 === 0 ? { method: "PUT", body: `turn ${turn}` } : {};
        await (await fetch(`${url}/kv/load/${number}`, init)).text();
      };
      await Promise.all([...Array.from({ length }, (_, number) => one(number)), sleep(50)]);
    }
  })();
  try {
    await sleep(25_000);
    await databaseOf(deployment, 1).kill();
    await sleep(12_000);
    await take("status", "dark", dark);
    await databaseOf(deployment, 1).start();
    await sleep(18_000);
    await take("status", "light", light);
  } finally {
    isLoading = false;
    await load;
  }
}

function databaseOf({ databases }: Deployment, index: number) {
  return databases[index]!;
}

async function open(path: string, colorScheme: (typeof themes)[number], waitsFor = "main"): Promise<Page> {
  const page = await browser!.newPage({ baseURL: url, viewport, colorScheme });
  await page.goto(path);
  await page.locator(waitsFor).waitFor();
  return page;
}

async function take(name: string, theme: string, page: Page): Promise<void> {
  const picture = await page.screenshot();
  if (picture.length > bytesMax) throw new Error(`${name} has ${picture.length} bytes`);
  writeFileSync(join(folder, `${name}-${theme}.png`), picture);
  await page.close();
}

async function put(
  key: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: { readonly [name: string]: string } = {},
): Promise<void> {
  const response = await fetch(`${url}/kv/${key}`, { method: "PUT", body, headers });
  if (!response.ok) throw new Error(`PUT ${key}: ${response.status}`);
}
