import {
  bare,
  kvasirs,
  one,
  oneMillion,
  oneOfTwo,
  peers,
  sqlite,
  sqliteMillion,
  sqliteOfTwo,
  sqliteTenMillion,
} from "./contenders.ts";
import type { Contender, LoadSpec, Operation } from "./subject.ts";

/** One load, and what is put under it in turn. */
export interface Case {
  readonly name: string;
  readonly spec: LoadSpec;
  readonly contenders: readonly Contender[];
  /** What a target rests on gets the whole time, anything else half of it. */
  readonly isWhole: boolean;
  readonly isSoak: boolean;
}

const common = { keys: 10_000, bytes: 128, connections: 64, writes: 0 };

/** The names of the cases that targets look at. */
export const names = {
  get: "GET",
  put: "PUT over",
  getGrown: "GET, 10 thousand and 1 million keys",
  putGrown: "PUT over, 10 thousand and 1 million keys",
  listGrown: "list page of 100, 10 thousand and 1 million keys",
  getAlone: "GET, 1 connection",
} as const;

const small = [bare, sqlite, one];

/** In the order in which they are run. What adds keys comes last, so that it changes nothing else. */
export const cases: readonly Case[] = [
  whole(names.get, "get", [bare, ...kvasirs, ...peers]),
  whole(names.put, "put", [bare, ...kvasirs, ...peers]),
  whole(names.getGrown, "get", [sqlite, sqliteMillion, one, oneMillion]),
  whole(names.putGrown, "put", [sqlite, sqliteMillion, one, oneMillion]),
  whole(names.listGrown, "list", [sqlite, sqliteMillion, one, oneMillion]),
  soak("GET, 10 million keys", "get"),
  soak("PUT over, 10 million keys", "put"),
  soak("list page of 100, 10 million keys", "list"),
  whole(names.getAlone, "get", small, { connections: 1 }),
  half("PUT over, 1 connection", "put", small, { connections: 1 }),
  half("GET, 512 connections", "get", small, { connections: 512 }),
  half("PUT over, 512 connections", "put", small, { connections: 512 }),
  half("GET, 2 workers", "get", [sqlite, sqliteOfTwo, one, oneOfTwo]),
  half("PUT over, 2 workers", "put", [sqlite, sqliteOfTwo, one, oneOfTwo]),
  half("GET of keys that are not there", "miss", small),
  half("HEAD, by a client on node:http", "head", small),
  half("GET with If-None-Match (304)", "conditional", [sqlite, one]),
  half("mixed, 95 % GET", "mixed", [bare, ...kvasirs], { writes: 5 }),
  half("mixed, 50 % GET", "mixed", [bare, ...kvasirs], { writes: 50 }),
  half("batch of 100 GETs", "batch_get", [sqlite, one]),
  half("batch of 100 PUTs", "batch_put", [sqlite, one]),
  half("GET, 4 KiB", "get", small, { bytes: 4096 }),
  half("PUT over, 4 KiB", "put", small, { bytes: 4096 }),
  half("GET, 64 KiB", "get", small, { bytes: 65_536, keys: 1000 }),
  half("PUT over, 64 KiB", "put", small, { bytes: 65_536, keys: 1000 }),
  half("GET, 1 MiB", "get", small, { bytes: 2 ** 20, keys: 100 }),
  half("PUT over, 1 MiB", "put", small, { bytes: 2 ** 20, keys: 100 }),
  half("PUT of new keys", "create", [bare, ...kvasirs]),
];

function whole(
  name: string,
  operation: Operation,
  contenders: readonly Contender[],
  spec: Partial<LoadSpec> = {},
): Case {
  return { name, contenders, spec: { ...common, operation, ...spec }, isWhole: true, isSoak: false };
}

function half(...parameters: Parameters<typeof whole>): Case {
  return { ...whole(...parameters), isWhole: false };
}

function soak(name: string, operation: Operation): Case {
  return { ...whole(name, operation, [sqlite, sqliteTenMillion]), isSoak: true };
}
