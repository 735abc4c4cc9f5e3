import { StoreError } from "../errors.ts";
import { formatRate, type Rate } from "../rate.ts";

/**
 * What is left of a token's rate: one number for each token, and nothing that has to be swept. All that the rate allows
 * in its time may come at once; from then on requests become free again one by one.
 */
export class Allowance {
  readonly #rate: Rate;
  readonly #msPerRequest: number;
  readonly #elapsed: () => number;
  /** When everything will be free again. */
  #fullAt = 0;

  /** `elapsed` gives monotonic milliseconds. */
  constructor(rate: Rate, elapsed: () => number) {
    this.#rate = rate;
    this.#msPerRequest = rate.perMs / rate.requests;
    this.#elapsed = elapsed;
  }

  /** One request begins. @throws StoreError `rate_limited` when there is none left, and then it costs none. */
  take(): void {
    const now = this.#elapsed();
    const usedMs = Math.max(0, this.#fullAt - now) + this.#msPerRequest;
    const tooManyMs = usedMs - this.#rate.perMs;
    // Sums of fractions are not exact.
    if (tooManyMs > 1e-6) throw rateLimited(this.#rate, Math.ceil(tooManyMs / 1000));
    this.#fullAt = now + usedMs;
  }

  /** What has begun turns out to be worth so many more. It goes on, and later requests wait for it. */
  spend(requests: number): void {
    this.#fullAt = Math.max(this.#fullAt, this.#elapsed()) + requests * this.#msPerRequest;
  }
}

function rateLimited(rate: Rate, seconds: number): StoreError {
  const message = `this token may send ${formatRate(rate)} to a process; wait ${seconds} s`;
  return new StoreError("rate_limited", message, { details: { retry_after: seconds } });
}
