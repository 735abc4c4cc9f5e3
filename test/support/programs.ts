import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

export type Found = { readonly path: string } | { readonly missing: string };

/** Where a program is; installed from Debian's package with `apt-get` where root may, or else why it is not there. */
export function requireProgram(name: string, debianPackage: string): Found {
  return requireFound(name, debianPackage, () => findProgram(name));
}

/** The same for a file that is no program. */
export function requireFile(path: string, debianPackage: string): Found {
  return requireFound(path, debianPackage, () => (existsSync(path) ? path : undefined));
}

function requireFound(name: string, debianPackage: string, find: () => string | undefined): Found {
  const found = find();
  if (found !== undefined) return { path: found };
  const how = `install the package \`${debianPackage}\``;
  if (process.getuid?.() !== 0 || findProgram("apt-get") === undefined)
    return { missing: `${name} is missing: ${how}` };
  // In this run level nothing that is installed is started.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const wait = ["-o", "DPkg::Lock::Timeout=300"];
  try {
    execFileSync("apt-get", ["update", "-q", ...wait], { env, stdio: "ignore" });
    execFileSync("apt-get", ["install", "-qy", "--no-install-recommends", ...wait, debianPackage], {
      env,
      stdio: "ignore",
    });
  } catch (error) {
    return { missing: `${name} could not be installed (${(error as Error).message}): ${how}` };
  }
  const installed = find();
  return installed === undefined ? { missing: `${debianPackage} has no ${name}` } : { path: installed };
}

/** Where a program is, if it is there. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin", "/usr/bin"];
  return folders.map((directory) => join(directory, name)).find((file) => existsSync(file));
}
