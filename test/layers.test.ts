import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, it } from "node:test";

/**
 * The import table of ARCHITECTURE.md. A layer may import itself, the ground, and what is listed; `types` stands
 * for imports that vanish at run time, and are allowed from anywhere below.
 */
const allowed: { readonly [layer: string]: readonly string[] } = {
  ground: [],
  partitions: ["ground", "replicas/hash"],
  replicas: ["ground"],
  sync: ["ground", "replicas"],
  topology: ["ground", "replicas", "sync"],
  store: ["ground", "replicas", "sync"],
  config: ["ground"],
  http: ["ground", "store", "replicas/concern"],
  assembly: ["ground", "store", "replicas", "sync", "topology", "partitions", "config"],
  client: ["clock-token", "http/key-href"],
  adapters: ["client"],
  cli: [
    "ground",
    "store",
    "config",
    "assembly",
    "http",
    "replicas/placement",
    "topology/plan",
    "topology/topology",
    "partitions/sql/schema-steps",
  ],
};

const layersOfFiles: { readonly [file: string]: string } = {
  "store.ts": "store",
  "store-types.ts": "ground",
  "status.ts": "store",
  "config.ts": "config",
  "assemble-store.ts": "assembly",
  "open-store.ts": "assembly",
  "identity.ts": "assembly",
  "index.ts": "cli",
};

function layerOf(file: string): string {
  const folder = file.split("/")[0]!;
  return layersOfFiles[file] ?? (folder.endsWith(".ts") ? "ground" : folder);
}

/** The imports of a file that remain at run time, as paths below `src`. */
function importsOf(file: string): string[] {
  const source = readFileSync(join("src", file), "utf8");
  const found = source.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g);
  return [...found]
    .filter(({ index }) => !/(?:import|export) type [^;]*$/.test(source.slice(0, index)))
    .map(([, path]) => relative("src", join("src", dirname(file), path!)));
}

describe("layers", () => {
  for (const file of globSync("**/*.ts", { cwd: "src" })) {
    it(`${file} imports only what its layer may`, () => {
      const layer = layerOf(file);
      for (const imported of importsOf(file)) {
        const target = layerOf(imported);
        const isAllowed =
          target === layer || allowed[layer]?.some((each) => each === target || `${each}.ts` === imported);
        assert.ok(isAllowed, `${layer} must not import ${imported}`);
      }
    });
  }

  it("find what a forbidden import would look like", () => {
    assert.equal(layerOf("http/server.ts"), "http");
    assert.ok(importsOf("store.ts").includes("replicas/listing.ts"));
    assert.ok(!importsOf("store.ts").includes("store-types.ts"), "types alone do not count");
  });

  it("use time, chance and timers only as they are handed in, where the protocol is", () => {
    for (const file of globSync("{store.ts,replicas/*.ts,sync/*.ts,topology/*.ts}", { cwd: "src" })) {
      const source = readFileSync(join("src", file), "utf8");
      assert.doesNotMatch(
        source,
        /Date\.now|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|node:/,
        file,
      );
    }
  });
});
