import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { startBrowser } from "../support/chromium.ts";

/** A browser that notes what no page may do: errors in its console, and requests to other hosts. */
export class Visitor {
  readonly #browser: Browser;
  readonly #url: string;
  readonly #problems: string[] = [];

  private constructor(browser: Browser, url: string) {
    this.#browser = browser;
    this.#url = url;
  }

  static async start(url: string): Promise<Visitor> {
    return new Visitor(await startBrowser(), url);
  }

  /**
   * Opens a path in a window of its own. A browser reports answers such as 412 in the console; `expected` are those
   * that the test brings about.
   */
  async open(path: string, options: BrowserContextOptions & { expected?: readonly number[] } = {}): Promise<Page> {
    const { expected = [], ...contextOptions } = options;
    const context = await this.#browser.newContext({ baseURL: this.#url, ...contextOptions });
    const page = await context.newPage();
    page.on("pageerror", (error) => this.#problems.push(`${path}: ${error.message}`));
    page.on("console", (message) => {
      const status = /responded with a status of (\d+)/.exec(message.text())?.[1];
      const isExpected = status !== undefined && expected.includes(Number(status));
      if (message.type() !== "log" && !isExpected) this.#problems.push(`${path}: ${message.text()}`);
    });
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.#url && protocol !== "data:") this.#problems.push(`${path}: a request to ${request.url()}`);
    });
    await page.goto(path);
    return page;
  }

  /** Drops what a test brought about itself. */
  forgive(pattern: RegExp): void {
    const others = this.#problems.filter((problem) => !pattern.test(problem));
    this.#problems.splice(0, this.#problems.length, ...others);
  }

  /** Fails the test that did it when a page did what it may not. */
  assertWell(): void {
    assert.deepEqual(this.#problems.splice(0), []);
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}
