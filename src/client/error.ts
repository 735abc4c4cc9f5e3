import type { ErrorCode } from "../errors.ts";

/**
 * A code of the server's table, or one of the client's own: `network` (no answer came), `timeout`, `aborted` (by the
 * caller's signal) and `unexpected_answer` (somebody else answered, such as a proxy).
 */
export type KvasirErrorCode = ErrorCode | "network" | "timeout" | "aborted" | "unexpected_answer";

/** The members of the problem document besides `code` and `detail`, such as `version` or `available`. */
export type ProblemMembers = { readonly [name: string]: unknown };

/** Every failure of the client. `cause` is what the runtime threw, if it did. */
export class KvasirError extends Error {
  override readonly name = "KvasirError";
  readonly code: KvasirErrorCode;
  /** The answer's HTTP status, 0 when there was none. */
  readonly status: number;
  readonly details: ProblemMembers;
  /** Whether the write may have happened all the same; never for reads, and never when the server said no. */
  readonly mayHaveApplied: boolean;

  constructor(
    code: KvasirErrorCode,
    message: string,
    options: { status?: number; details?: ProblemMembers; mayHaveApplied?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? 0;
    this.details = options.details ?? {};
    this.mayHaveApplied = options.mayHaveApplied ?? false;
  }
}

/** What a problem document says, wherever it stands. */
export function problemError(problem: ProblemMembers, isWrite: boolean): KvasirError {
  const { code, detail, status, ...details } = problem as ProblemMembers & {
    code: ErrorCode;
    detail: string;
    status: number;
  };
  // The server answers 503 and 507 before it writes anything, but for a write that has too few confirmations and for
  // a deletion that had begun.
  const isPartly = code === "write_concern_unmet" || Number(details.deleted) > 0;
  const isRefusal = status < 500 || ((status === 503 || status === 507) && !isPartly);
  return new KvasirError(code, detail, { status, details, mayHaveApplied: isWrite && !isRefusal });
}

/** The error of an answer that is none of the expected ones. */
export function answerError(status: number, text: string, isWrite: boolean): KvasirError {
  try {
    const problem = JSON.parse(text) as ProblemMembers;
    if (typeof problem.code === "string") return problemError({ ...problem, status }, isWrite);
  } catch {
    // HEAD has no document, and something between here and the server has words of its own.
  }
  const said = text === "" ? "" : `: ${text.slice(0, 80)}`;
  return new KvasirError("unexpected_answer", `the answer was ${status}${said}; is this a Kvasir server?`, {
    status,
    mayHaveApplied: isWrite && (status >= 500 || status < 200),
  });
}
