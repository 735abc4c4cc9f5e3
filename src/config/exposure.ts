import { statSync } from "node:fs";

/**
 * How to take a file with a secret away from other users, or `undefined` when none of them can read or change it. As with
 * PostgreSQL's keys the group of a file of root's may read it: that is how a service gets it.
 */
export function exposureMend(path: string): string | undefined {
  // Windows has no such modes.
  if (process.platform === "win32") return undefined;
  const { mode, uid } = statSync(path);
  if (uid === 0) return (mode & 0o037) === 0 ? undefined : `chmod 640 ${path}`;
  return (mode & 0o077) === 0 ? undefined : `chmod 600 ${path}`;
}

/** The warning about a file with a secret that others can read; none when they cannot. */
export function exposureWarnings(label: string, path: string | undefined): string[] {
  const mend = path === undefined ? undefined : exposureMend(path);
  return mend === undefined ? [] : [`${label}: other users can read ${path}; run: ${mend}`];
}

/** Whoever can change the configuration says which databases are used, and who may do what. */
export function isWritableByAll(path: string): boolean {
  return process.platform !== "win32" && (statSync(path).mode & 0o002) !== 0;
}
