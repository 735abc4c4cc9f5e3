import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { serve } from "./http/serving.ts";

const exported = (
  JSON.parse(readFileSync("package.json", "utf8")) as { exports: { [name: string]: { default: string } } }
).exports;

for (const file of ["README.md", "docs/client.md"]) {
  describe(`the TypeScript of ${file}`, () => {
    it("runs and prints what stands behind it", async () => {
      const code = [...readFileSync(file, "utf8").matchAll(/^```ts\n(.*?)^```$/gms)]
        .map(([, block]) => block)
        .join("\n");
      // A comment on a line of its own, or behind a statement, is what is printed there.
      const printed = [...code.matchAll(/(?:^|; )\/\/ (.*)$/gm)].map(([, text]) => text!);
      assert.ok(printed.length > 0, "there is no code");
      const serving = await serve({}, { partitions: 3 });
      try {
        assert.deepEqual((await run(code.replaceAll("http://127.0.0.1:7070", serving.url))).split("\n"), printed);
      } finally {
        await serving.close();
      }
    });
  });
}

/** What the program prints, in a process of its own. */
async function run(code: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "kvasir-docs-"));
  try {
    const program = join(folder, "program.mts");
    writeFileSync(
      program,
      code.replaceAll(/^(import .* from )"(.+)";$/gm, (_, start, name) => `${start}"${urlOf(name)}";`),
    );
    return await new Promise((resolve, reject) => {
      execFile(process.execPath, [program], { timeout: 60_000 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout.trimEnd());
        else reject(new Error(`${stderr}\n${stdout}`));
      });
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The source of what this package exports under the name, or what is installed. */
function urlOf(name: string): string {
  const built = exported[name.replace(/^kvasir/, ".")];
  if (built === undefined) return import.meta.resolve(name);
  return pathToFileURL(built.default.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts")).href;
}
