import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";

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
  const found = program();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    execFileSync("apt-get", ["update", "-q"], { env, stdio: "ignore" });
    execFileSync("apt-get", ["install", "-qy", "--no-install-recommends", "chromium"], { env, stdio: "ignore" });
    const installed = program();
    if (installed !== undefined) return installed;
  }
  throw new Error("these tests need a browser: install the package `chromium`");
}

function program(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/bin"];
  const files = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return files.find((file) => existsSync(file));
}
