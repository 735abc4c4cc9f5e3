import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * `npm run sbom`: all packages that serve, as CycloneDX on stdout. What is for development alone is taken out of copies of
 * manifest and lock file first: `npm sbom --omit dev` leaves out everything that both need.
 */
interface Lock {
  readonly packages: { readonly [path: string]: { readonly dev?: boolean; readonly devOptional?: boolean } };
}

const { devDependencies: _, overrides: __, ...manifest } = JSON.parse(readFileSync("package.json", "utf8"));
const { packages, ...lock } = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lock;
const kept = Object.entries(packages).filter(([, { dev, devOptional }]) => !dev && !devOptional);
const { devDependencies: ___, ...root } = Object.fromEntries(kept)[""] as { devDependencies?: object };
const folder = mkdtempSync(join(tmpdir(), "kvasir-sbom-"));
try {
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  const served = { ...lock, packages: { ...Object.fromEntries(kept), "": root } };
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(served));
  const sbom = ["sbom", "--package-lock-only", "--sbom-format", "cyclonedx", "--sbom-type", "application"];
  execFileSync("npm", sbom, { cwd: folder, stdio: "inherit" });
} finally {
  rmSync(folder, { recursive: true });
}
