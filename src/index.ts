/** Kvasir inside another program: the store without HTTP, and the HTTP server over it. */
export { type Config, type ConfigSources, loadConfig } from "./config.ts";
export { type ErrorCode, errorCodes, StoreError } from "./errors.ts";
export { createServer, type HttpServer } from "./http/server.ts";
export { openStore } from "./open-store.ts";
export type { Store } from "./store.ts";
export type { ListPage, ListRange, NewContent, ReadOptions, WriteOptions, WriteResult } from "./store-types.ts";
