import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A file system of its own, so small that it is full soon. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all the room but for `bytes`. */
  fill(bytes: number): void;
  /** Gives it back. */
  makeRoom(): void;
  unmount(): void;
}

/** Mounts one at `path`, which only root may, and only where mounting is allowed; otherwise the reason why there is none. */
export function mountSmallDisk(path: string, bytes: number, kind: "tmpfs" | "ext4"): SmallDisk | string {
  mkdirSync(path, { recursive: true });
  const image = `${path}.image`;
  try {
    if (kind === "tmpfs") run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path);
    else {
      run("truncate", "-s", String(bytes), image);
      run("mkfs.ext4", "-q", "-F", "-m", "0", image);
      run("mount", "-o", "loop", image, path);
    }
  } catch (error) {
    rmSync(image, { force: true });
    return `a small file system cannot be mounted: ${(error as Error).message.split("\n")[0]}`;
  }
  chmodSync(path, 0o777);
  const filler = join(path, "filler");
  return {
    path,
    fill(left) {
      const { bavail, bsize } = statfsSync(path);
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - left)));
    },
    makeRoom: () => rmSync(filler),
    unmount() {
      run("umount", "--lazy", path);
      rmSync(image, { force: true });
    },
  };
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: "pipe" });
}
