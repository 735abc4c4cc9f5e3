import { type Browser, chromium } from "playwright-core";
import { findProgram, requireProgram } from "./programs.ts";

/** Debian's browser, which `playwright-core` drives as it is; the other two are its names elsewhere. */
const names = ["chromium", "chromium-browser", "google-chrome"];

/** No sandbox, because tests may run as root; nothing that calls its maker's servers. */
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb"];

/** A browser without a window. Close it with `close()`. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: requireChromium(), args });
}

/**
 * Makes sure that a browser is here: with `apt-get` where root may.
 *
 * @throws Error that says what to install.
 */
export function requireChromium(): string {
  const present = names.map(findProgram).find((path) => path !== undefined);
  if (present !== undefined) return present;
  const found = requireProgram("chromium", "chromium");
  if ("path" in found) return found.path;
  throw new Error(`these tests need a browser: ${found.missing}`);
}
