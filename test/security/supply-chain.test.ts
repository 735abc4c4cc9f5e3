import assert from "node:assert/strict";
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
}

interface Manifest {
  readonly allowScripts: { readonly [name: string]: boolean };
  readonly dependencies: { readonly [name: string]: string };
  readonly devDependencies: { readonly [name: string]: string };
}

const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8")) as unknown;
const manifest = readJson("package.json") as Manifest;

function lockedIn(path: string): [name: string, locked: Locked][] {
  const { packages } = readJson(path) as { packages: { [path: string]: Locked } };
  return Object.entries(packages)
    .filter(([path]) => path !== "")
    .map(([path, locked]) => [path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length), locked]);
}

const locked = lockedIn("package-lock.json");
/** What is installed with Kvasir, and not only to develop it. */
const served = locked.filter(([, { dev, devOptional, optional, peer }]) => !dev && !devOptional && !optional && !peer);

/** None of them asks anything of whoever uses the package; the LGPL is that of the MariaDB client, which is not changed. */
const licences = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "BlueOak-1.0.0"];
const exceptions: { readonly [name: string]: string } = {
  mariadb: "LGPL-2.1-or-later",
  // Of the tools for development alone.
  argparse: "PSF-2.0",
};

describe("the packages that Kvasir is made of", () => {
  for (const path of ["package-lock.json", "bench/peers/package-lock.json"]) {
    it(`are pinned in ${path} by what they contain, and come from the registry alone`, () => {
      const all = lockedIn(path);
      assert.ok(all.length > 100);
      for (const [name, { version, integrity, resolved }] of all) {
        assert.match(integrity ?? "", /^sha512-[A-Za-z0-9+/]{86}==/, `${name} has no digest`);
        assert.match(version, /^\d+\.\d+\.\d+/, `${name} is no release`);
        // Without an address npm asks the registry that is configured.
        assert.ok(resolved === undefined || resolved.startsWith("https://registry.npmjs.org/"), `${name}: ${resolved}`);
      }
    });
  }

  it("are named with one exact version each", () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name);
    }
  });

  it("run a script when they are installed only where that is said, and none of those that serve does", () => {
    const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([name]) => name);
    assert.deepEqual(scripted.sort(), Object.keys(manifest.allowScripts).sort());
    const allowed = Object.entries(manifest.allowScripts).filter(([, isAllowed]) => isAllowed);
    assert.deepEqual(allowed, [["node", true]]);
    for (const [name, { hasInstallScript }] of served) assert.ok(!hasInstallScript, name);
  });

  it("have licences that let everybody use Kvasir under its own", () => {
    for (const [name, { license = "none" }] of locked) {
      const choices = license.replaceAll(/[()]/g, "").split(" OR ");
      const isFine = choices.some((choice) => licences.includes(choice)) || exceptions[name] === license;
      assert.ok(isFine, `${name} has the licence ${license}`);
    }
    assert.ok(served.every(([name]) => name !== "argparse"));
  });

  it("are listed by `npm run sbom`, each with its digest", () => {
    const text = execFileSync("npm", ["run", "-s", "sbom"], { encoding: "utf8", maxBuffer: 2 ** 26 });
    const { bomFormat, components } = JSON.parse(text) as {
      bomFormat: string;
      components: { name: string; group?: string; version: string; hashes?: { alg: string }[] }[];
    };
    assert.equal(bomFormat, "CycloneDX");
    const listed = new Set(
      components.map(({ group, name, version }) => `${group ? `${group}/` : ""}${name}@${version}`),
    );
    assert.equal(listed.size, new Set(served.map(([name, { version }]) => `${name}@${version}`)).size);
    for (const [name, { version }] of served) assert.ok(listed.has(`${name}@${version}`), `${name}@${version}`);
    for (const { name, hashes } of components) assert.equal(hashes?.[0]?.alg, "SHA-512", name);
  });
});

describe("the package that is published", () => {
  it("has what serves and its documents, and nothing else that lies in the folder", () => {
    const folder = mkdtempSync(join(tmpdir(), "kvasir-pack-"));
    const packed = [
      "ARCHITECTURE.md",
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "SECURITY.md",
      "deploy/compose.yaml",
      "dist/cli/main.js",
      "dist/index.d.ts",
      "docs/security.md",
      "kvasir.example.toml",
      "package.json",
    ];
    const left = [
      ".env",
      ".npmrc",
      ".ci/run",
      "CONTRIBUTING.md",
      "bench/main.ts",
      "data/partition-1.db",
      "docs/pictures/status-light.png",
      "kvasir.toml",
      "password",
      "scripts/test.ts",
      "src/cli/main.ts",
      "test/store.test.ts",
      "tls/key.pem",
    ];
    try {
      for (const file of [...packed, ...left]) {
        mkdirSync(join(folder, dirname(file)), { recursive: true });
        writeFileSync(join(folder, file), "x");
      }
      cpSync("package.json", join(folder, "package.json"));
      const pack = ["pack", "--dry-run", "--json", "--ignore-scripts"];
      const options = {
        cwd: folder,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      } satisfies ExecFileSyncOptionsWithStringEncoding;
      const [{ files }] = JSON.parse(execFileSync("npm", pack, options)) as [{ files: { path: string }[] }];
      assert.deepEqual(files.map(({ path }) => path).sort(), packed.sort());
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
