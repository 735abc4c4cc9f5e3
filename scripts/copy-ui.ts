import { copyFileSync, globSync, mkdirSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageFiles } from "../src/http/pages/ui-files.ts";

/** The last step of the build: the files that pages need, with those of packages and their licences. */
const target = "dist/ui";
mkdirSync(join(target, "licences"), { recursive: true });
for (const name of readdirSync("src/ui")) copyFileSync(join("src/ui", name), join(target, name));
for (const [name, locate] of Object.entries(packageFiles)) {
  const file = fileURLToPath(locate());
  copyFileSync(file, join(target, name));
  const [, root, packageName] = /^(.*\/node_modules\/([^/]+))\//.exec(file)!;
  const licences = globSync("{LICENSE,NOTICE}*", { cwd: root! }).map((licence) => join(root!, licence));
  for (const licence of [...licences, ...globSync(`${file}.LICENSE.txt`)]) {
    const folder = join(target, "licences", packageName!);
    mkdirSync(folder, { recursive: true });
    copyFileSync(licence, join(folder, basename(licence)));
  }
}
