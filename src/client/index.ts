/** A client for Kvasir that needs `fetch` alone: for Node, browsers, Deno, Bun and edge runtimes. */
export type { BatchResult } from "./batch.ts";
export { KvasirClient, type ListPage } from "./client.ts";
export type { Entry, Listed, Written } from "./entry.ts";
export { KvasirError, type KvasirErrorCode } from "./error.ts";
export type {
  BatchOptions,
  CallOptions,
  ClientOptions,
  ListOptions,
  Metadata,
  NewValue,
  Operation,
  PutOptions,
  ReadOptions,
  UpdateOptions,
  WriteOptions,
} from "./options.ts";
