import { registerHooks } from "node:module";

/** Replaces text in one source file as it is loaded; the files on disk stay as they are. */
export interface Edit {
  /** From the project's folder, such as `src/store.ts`. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly search: string;
  readonly replace: string;
}

/**
 * With 16,384 buckets most of a schedule's time would go into empty ones; with so few, keys share some of them as
 * well, as they do in a large store.
 */
const fewBuckets: Edit = {
  file: "src/replicas/hash.ts",
  search: "const bucketBits = 14n;",
  replace: "const bucketBits = 6n;",
};

/** Has `edits` made to everything that this thread loads from now on. */
export function patchSources(edits: readonly Edit[]): void {
  const root = new URL("../../", import.meta.url).href;
  const byUrl = Map.groupBy([fewBuckets, ...edits], ({ file }) => root + file);
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context);
      const found = byUrl.get(url);
      if (found === undefined) return loaded;
      return { ...loaded, source: found.reduce(patched, String(loaded.source)) };
    },
  });
}

function patched(source: string, { file, search, replace }: Edit): string {
  const parts = source.split(search);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${search}`);
  return parts.join(replace);
}
