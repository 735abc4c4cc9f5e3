import type { Environment } from "./environment.ts";

export type Operation =
  | "get"
  | "miss"
  | "head"
  | "conditional"
  | "put"
  | "create"
  | "mixed"
  | "list"
  | "batch_get"
  | "batch_put";

/** What is asked of a server, again and again. */
export interface LoadSpec {
  readonly operation: Operation;
  /** Random of so many keys. */
  readonly keys: number;
  readonly bytes: number;
  readonly connections: number;
  /** The share of writes in `mixed`, in percent. */
  readonly writes: number;
}

/** What came of it. */
export interface Load {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that should not have been, and broken connections. */
  readonly failures: number;
  /** CPU time of the server, or of the client where there is no server between. */
  readonly cpuMicroseconds: number;
  /** CPU time of the database servers behind it; `undefined` where there are none. */
  readonly databaseCpuMicroseconds?: number | undefined;
}

/** A server that runs, and the way to load it. */
export interface Subject {
  /** Stores all keys that `spec` reads. Harmless when repeated. */
  fill(spec: LoadSpec): Promise<void>;
  load(spec: LoadSpec, seconds: number): Promise<Load>;
  /** Waits until what the load has left to do in the background is done. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

/** Something that can be measured. */
export interface Contender {
  readonly name: string;
  /** Whether a write is on disk (fsync) when it is answered. */
  readonly isDurable: boolean;
  /** How many keys it has, where that is not what the case says. */
  readonly keys?: number;
  /** Makes sure that it is installed, and starts it. */
  start(environment: Environment): Promise<Subject>;
}

/** Why a contender cannot be measured here. */
export class NotInstalled extends Error {
  override readonly name = "NotInstalled";
}

export function isWriting(operation: Operation): boolean {
  return ["put", "create", "mixed", "batch_put"].includes(operation);
}
