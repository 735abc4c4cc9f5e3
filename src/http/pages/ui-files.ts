import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** A script, style or picture of the pages. */
export interface UiFile {
  readonly type: string;
  readonly bytes: Uint8Array;
  /** Compressed when it is first asked for. */
  gzipped(): Promise<Uint8Array>;
}

/** Below `src/ui` in a clone, below `dist/ui` in the package: both lie two folders up. */
const folder = new URL("../../ui/", import.meta.url);

/** Of packages: the build puts copies beside the other files, and a clone has the packages themselves. */
export const packageFiles: { readonly [name: string]: () => string } = {
  "uplot.js": () => import.meta.resolve("uplot/dist/uPlot.iife.min.js"),
  "uplot.css": () => import.meta.resolve("uplot/dist/uPlot.min.css"),
  "swagger-ui.js": () => import.meta.resolve("swagger-ui-dist/swagger-ui-bundle.js"),
  "swagger-ui.css": () => import.meta.resolve("swagger-ui-dist/swagger-ui.css"),
};

const types: { readonly [extension: string]: string } = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

const compress = promisify(gzip);

let loaded: { readonly files: ReadonlyMap<string, UiFile>; readonly release: string } | undefined;

/** The address of a file: it changes with any of them, so that browsers may keep it for ever. */
export function uiHref(name: string): string {
  return `/ui/${load().release}/${name}`;
}

/** The file at `release/name`, and whether that is the release that is here; `undefined` when there is none. */
export function uiFileAt(path: string): { readonly file: UiFile; readonly isCurrent: boolean } | undefined {
  const { files, release } = load();
  const [given, name = "", ...rest] = path.split("/");
  const file = rest.length === 0 ? files.get(name) : undefined;
  return file && { file, isCurrent: given === release };
}

function load(): NonNullable<typeof loaded> {
  if (loaded !== undefined) return loaded;
  const files = new Map<string, UiFile>();
  const hash = createHash("sha256");
  const own = readdirSync(folder).filter((name) => types[extension(name)] !== undefined);
  for (const name of [...new Set([...own, ...Object.keys(packageFiles)])].sort()) {
    const url = own.includes(name) ? new URL(name, folder) : packageFile(name);
    if (url === undefined) continue;
    const bytes = readFileSync(url);
    files.set(name, uiFile(types[extension(name)]!, bytes));
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  loaded = { files, release: hash.digest("hex").slice(0, 12) };
  return loaded;
}

function uiFile(type: string, bytes: Uint8Array): UiFile {
  let gzipped: Promise<Uint8Array> | undefined;
  return {
    type,
    bytes,
    gzipped: () => {
      gzipped ??= compress(bytes);
      return gzipped;
    },
  };
}

/** `undefined` in a clone without its development packages: only what needs the file is missing then. */
function packageFile(name: string): URL | undefined {
  try {
    const url = new URL(packageFiles[name]!());
    return existsSync(url) ? url : undefined;
  } catch {
    return undefined;
  }
}

function extension(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
