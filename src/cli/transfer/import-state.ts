import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { ConfigError } from "../../errors.ts";

/** How far an import came: all lines before the byte `offset` are stored, skipped or named as bad. */
export interface ImportState {
  readonly source: string;
  readonly offset: number;
  readonly line: number;
  readonly imported: number;
  readonly expired: number;
  readonly bad: number;
}

/**
 * The state in `file`, or that of a beginning when there is no such file.
 *
 * @throws ConfigError when the file is something else, or belongs to the import of another source.
 */
export function loadState(file: string | undefined, source: string): ImportState {
  const beginning = { source, offset: 0, line: 0, imported: 0, expired: 0, bad: 0 };
  if (file === undefined || !existsSync(file)) return beginning;
  const state = parse(readFileSync(file, "utf8"));
  if (state === undefined) throw new ConfigError(`--resume: ${file} is no state of an import; give another file`);
  if (state.source === source) return state;
  throw new ConfigError(`--resume: ${file} belongs to the import of ${state.source}; give another file, or delete it`);
}

/** Replaces the file in one step, so that a kill leaves the old state or the new one. */
export function saveState(file: string, state: ImportState): void {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(state)}\n`);
  renameSync(temporary, file);
}

function parse(text: string): ImportState | undefined {
  try {
    const state = JSON.parse(text) as ImportState;
    const numbers = [state.offset, state.line, state.imported, state.expired, state.bad];
    return numbers.every(Number.isSafeInteger) && typeof state.source === "string" ? state : undefined;
  } catch {
    return undefined;
  }
}
