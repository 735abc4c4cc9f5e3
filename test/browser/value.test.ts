import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { put, type Serving, serve } from "../http/serving.ts";
import { Visitor } from "./visitor.ts";

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==",
  "base64",
);

describe("a value in a browser", () => {
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

  const stored = async (key: string) => (await serving.request(`/kv/${key}`)).text();

  it("is shown with what is known of it, and where it is kept", async () => {
    await put(serving, "user/7", '{"n":12345678901234567890}', {
      "Content-Type": "application/json",
      "Kvasir-Meta-Owner": "<ann>",
    });
    const page = await visitor.open("/kv/user/7");
    assert.equal(await page.locator(".value").innerText(), '{\n  "n": 12345678901234567890\n}');
    assert.match(await page.locator("main").innerText(), /owner\s+<ann>/);
    await page.locator("#replicas table").waitFor();
    const rows = await page.locator("#replicas tbody tr").allInnerTexts();
    assert.equal(rows.length, 3);
    assert.match(rows[0]!, /p[123]\s+steady\s+newest version/);
  });

  it("is shown as it is without scripts", async () => {
    await put(serving, "plain", "one\n<two>");
    const page = await visitor.open("/kv/plain", { javaScriptEnabled: false });
    assert.equal(await page.locator(".value").innerText(), "one\n<two>");
    assert.equal(await page.getByRole("button").count(), 0);
    await page.getByRole("link", { name: "Where this key is kept" }).click();
    assert.equal(await page.getByText("steady").count(), 3);
  });

  it("that is an image is drawn from its bytes", async () => {
    await put(serving, "red.png", png, { "Content-Type": "image/png" });
    const page = await visitor.open("/kv/red.png");
    const width = await page.locator(".picture img").evaluate((image) => Reflect.get(image, "naturalWidth"));
    assert.equal(width, 2);
  });

  it("does nothing, whatever it says it is", async () => {
    const script = `document.title="taken";fetch("/kv/taken",{method:"PUT",body:"x"});parent.postMessage("taken","*")`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload='${script}'><script>${script}</script></svg>`;
    await put(serving, "a.html", `<title>page</title><script>${script}</script><img src=x onerror='${script}'>`, {
      "Content-Type": "text/html",
    });
    await put(serving, "a.svg", svg, { "Content-Type": "image/svg+xml" });
    await put(serving, `"><script>${script}</script>`, svg, { "Content-Type": "text/plain" });
    await put(serving, "a.json", JSON.stringify(`</pre><script>${script}</script>`), {
      "Content-Type": "application/json",
    });
    const page = await visitor.open("/kv?delimiter=");
    const keys = (await page.locator(".keys a").allInnerTexts()).filter((name) => /^a\.|script/.test(name));
    assert.equal(keys.length, 4);
    for (const key of keys) {
      await page.goto(`/kv?key=${encodeURIComponent(key)}&format=html`);
      await page.locator("#replicas table").waitFor();
      assert.match(await page.title(), /· Kvasir$/, key);
    }
    // Chromium says in the console what the sandbox kept from running.
    const raw = await page.context().newPage();
    for (const path of ["/kv/a.html", "/kv/a.html?format=raw", "/kv/a.svg?format=raw"]) {
      await raw.goto(path);
      assert.notEqual(await raw.title(), "taken", path);
    }
    assert.equal((await serving.request("/kv/taken")).status, 404);
  });

  it("is edited, keeps its expiry and metadata, and what was there can be put back", async () => {
    await put(serving, "note", "first", { "X-TTL": "3600", "Kvasir-Meta-Owner": "ann", "Content-Type": "text/x-note" });
    const expires = (await serving.request("/kv/note")).headers.get("Kvasir-Expires")!;
    const page = await visitor.open("/kv/note");
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByRole("textbox", { name: "Value" }).fill("second");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    assert.equal(await page.locator(".value").innerText(), "second");
    const { headers } = await serving.request("/kv/note");
    assert.equal(headers.get("Content-Type"), "text/x-note");
    assert.equal(headers.get("Kvasir-Meta-Owner"), "ann");
    assert.ok(Math.abs(Date.parse(headers.get("Kvasir-Expires")!) - Date.parse(expires)) < 60_000);

    await page.locator("#history").getByText("shown above").waitFor();
    await page.getByRole("button", { name: "Put back" }).click();
    await page.locator("#editor").waitFor();
    assert.equal(await page.getByRole("textbox", { name: "Value" }).inputValue(), "first");
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator(".value", { hasText: "first" }).waitFor();
    assert.equal(await stored("note"), "first");
  });

  it("keeps its bytes when only its media type or metadata are edited", async () => {
    const bytes = Buffer.from([0, 0xff, 13, 10]);
    const values = { bytes, crlf: Buffer.from("one\r\ntwo\r\n"), mixed: Buffer.from("one\r\ntwo\nthree\r") };
    for (const [key, value] of Object.entries(values)) {
      await put(serving, key, value, { "Content-Type": "text/plain" });
      const page = await visitor.open(`/kv/${key}`);
      await page.getByRole("button", { name: "Edit" }).click();
      await page.getByRole("textbox", { name: "Metadata" }).fill("owner: bo");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Saved.").waitFor();
      const response = await serving.request(`/kv/${key}`);
      assert.equal(response.headers.get("Kvasir-Meta-Owner"), "bo");
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), value, key);
    }
  });

  it("keeps its line breaks when its text is edited", async () => {
    await put(serving, "lines", "one\r\ntwo\r\n");
    const page = await visitor.open("/kv/lines");
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByRole("textbox", { name: "Value" }).fill("one\nthree\n");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    assert.equal(await stored("lines"), "one\r\nthree\r\n");
  });

  it("that somebody else replaced meanwhile is shown beside one's own, and not overwritten unseen", async () => {
    await put(serving, "shared", "one\ntwo\nthree");
    const page = await visitor.open("/kv/shared", { expected: [412] });
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByRole("textbox", { name: "Value" }).fill("one\ntwo, mine\nthree");
    await put(serving, "shared", "one\ntwo, theirs\nthree");
    await page.getByRole("button", { name: "Save" }).click();
    const conflict = page.locator("#conflict");
    await conflict.getByText("Somebody else was faster").waitFor();
    assert.equal(await stored("shared"), "one\ntwo, theirs\nthree");
    assert.deepEqual(await conflict.locator(".differs").allInnerTexts(), ["two, mine", "two, theirs"]);

    await put(serving, "shared", "a third one");
    await conflict.getByRole("button", { name: "Save mine over theirs" }).click();
    await conflict.getByText("a third one").waitFor();
    assert.equal(await stored("shared"), "a third one", "it had not been seen either");

    await conflict.getByRole("button", { name: "Go on editing mine" }).click();
    assert.equal(await page.getByRole("textbox", { name: "Value" }).inputValue(), "one\ntwo, mine\nthree");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    assert.equal(await stored("shared"), "one\ntwo, mine\nthree");
  });

  it("that was deleted meanwhile comes back only when that is asked for", async () => {
    await put(serving, "gone", "x");
    const page = await visitor.open("/kv/gone", { expected: [404, 412] });
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByRole("textbox", { name: "Value" }).fill("mine");
    await serving.request("/kv/gone", { method: "DELETE" });
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("someone deleted this key").waitFor();
    assert.equal((await serving.request("/kv/gone")).status, 404);
    await page.getByRole("button", { name: "Store mine anew" }).click();
    await page.getByText("Saved.").waitFor();
    assert.equal(await stored("gone"), "mine");
  });

  it("is deleted after a question, and only as it was seen", async () => {
    await put(serving, "folder/doomed", "x");
    await put(serving, "folder/other", "x");
    const page = await visitor.open("/kv/folder/doomed", { expected: [412] });
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    assert.equal(await stored("folder/doomed"), "x");

    await put(serving, "folder/doomed", "newer");
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("It was not deleted").waitFor();
    assert.equal(await stored("folder/doomed"), "newer");

    await page.reload();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("The key was deleted.").waitFor();
    assert.deepEqual(await page.locator(".keys .key").allInnerTexts(), ["other"]);
    assert.equal((await serving.request("/kv/folder/doomed")).status, 404);
  });
});
