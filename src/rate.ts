/** So many requests in so long, evenly or all at once. */
export interface Rate {
  readonly requests: number;
  readonly perMs: number;
}

const units = { s: 1000, m: 60_000, h: 3_600_000 } as const;
const requestsMax = 1_000_000;

/** `100/s`, `600/m` or `5000/h`; `undefined` for any other text. */
export function parseRate(text: string): Rate | undefined {
  const match = /^([1-9][0-9]{0,6})\/([smh])$/.exec(text);
  if (match === null) return undefined;
  const requests = Number(match[1]);
  return requests > requestsMax ? undefined : { requests, perMs: units[match[2] as keyof typeof units] };
}

/** The text that {@link parseRate} takes. */
export function formatRate({ requests, perMs }: Rate): string {
  const [unit] = Object.entries(units).find(([, ms]) => ms === perMs)!;
  return `${requests}/${unit}`;
}
