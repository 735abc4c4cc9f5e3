import { ConfigError } from "../../errors.ts";

/** What every command that changes the topology takes. */
export interface ChangeOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
  /** Keys a second, as it was given. */
  readonly rate?: string;
}

/** @throws ConfigError */
export function parseRate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new ConfigError(`--rate: expected keys a second from 1 to 999999999, got ${JSON.stringify(text)}`);
}

/** @throws ConfigError */
export function parseWeight(text: string): number {
  const weight = /^[0-9]{1,6}(\.[0-9]{1,6})?$/.test(text) ? Number(text) : 0;
  if (weight > 0) return weight;
  throw new ConfigError(`a weight is a number above 0, such as 1 or 2.5, got ${JSON.stringify(text)}`);
}

/** @throws ConfigError */
export function parseReplicas(text: string): "all" | number {
  if (text === "all") return text;
  if (/^[1-9][0-9]{0,2}$/.test(text)) return Number(text);
  throw new ConfigError(`replicas are "all" or a number from 1, got ${JSON.stringify(text)}`);
}
