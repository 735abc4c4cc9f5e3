/**
 * Every failure that a caller can meet, with the HTTP status it becomes, whether the same request may
 * succeed later, and what it means. The codes are part of the interface: they never change their meaning.
 */
export const errorCodes = {
  invalid_key: { status: 400, retriable: false, title: "The key is not allowed" },
  invalid_target: { status: 400, retriable: false, title: "The request target is malformed" },
  invalid_query: { status: 400, retriable: false, title: "A query parameter is wrong" },
  invalid_header: { status: 400, retriable: false, title: "A header field is wrong" },
  invalid_body: { status: 400, retriable: false, title: "The body is not what this request needs" },
  invalid_cursor: { status: 400, retriable: false, title: "The cursor is not one that this listing gave" },
  confirmation_required: { status: 400, retriable: false, title: "This would delete everything and needs confirm=all" },
  unauthorized: { status: 401, retriable: false, title: "This needs a token that is valid" },
  forbidden: { status: 403, retriable: false, title: "The token does not allow this" },
  cross_site: { status: 403, retriable: false, title: "A page of another site may not write here" },
  not_found: { status: 404, retriable: false, title: "Nothing is stored under this key" },
  no_such_page: { status: 404, retriable: false, title: "There is nothing at this path" },
  method_not_allowed: { status: 405, retriable: false, title: "This method is not allowed here" },
  not_acceptable: { status: 406, retriable: false, title: "None of the accepted formats is available" },
  request_timeout: { status: 408, retriable: true, title: "The request took too long to arrive" },
  key_exists: { status: 409, retriable: false, title: "The key already exists" },
  not_json: { status: 409, retriable: false, title: "The stored value is not JSON and cannot be patched" },
  precondition_failed: { status: 412, retriable: false, title: "The precondition does not hold" },
  value_too_large: { status: 413, retriable: false, title: "The value is larger than allowed" },
  key_too_long: { status: 414, retriable: false, title: "The key is longer than allowed" },
  encoding_unsupported: { status: 415, retriable: false, title: "Content-Encoding is not accepted" },
  patch_type_unsupported: { status: 415, retriable: false, title: "The patch format is not known" },
  body_type_unsupported: { status: 415, retriable: false, title: "The body's media type is not accepted here" },
  range_not_satisfiable: { status: 416, retriable: false, title: "The range lies outside the value" },
  misdirected: { status: 421, retriable: false, title: "This server does not answer for that host" },
  patch_failed: { status: 422, retriable: false, title: "The patch does not apply to the stored value" },
  request_reused: { status: 422, retriable: false, title: "This Idempotency-Key was used with another payload" },
  too_many_attempts: { status: 429, retriable: true, title: "Too many wrong tokens came from this address" },
  rate_limited: { status: 429, retriable: true, title: "The token has sent all that its rate allows" },
  metadata_too_large: { status: 431, retriable: false, title: "The metadata is larger than allowed" },
  headers_too_large: { status: 431, retriable: false, title: "The target and the header fields are too large" },
  internal: { status: 500, retriable: false, title: "Kvasir met a fault of its own" },
  not_implemented: { status: 501, retriable: false, title: "This method is not known" },
  overloaded: { status: 503, retriable: true, title: "Too much is waiting already" },
  home_unavailable: { status: 503, retriable: true, title: "The key's home cannot decide this now" },
  no_replica: { status: 503, retriable: true, title: "No replica of the key can be reached" },
  not_fresh_enough: {
    status: 503,
    retriable: true,
    title: "No replica that can be reached has the version you know of",
  },
  write_concern_unmet: {
    status: 503,
    retriable: true,
    title: "Stored, but confirmed by fewer replicas than asked for",
  },
  clock_skewed: { status: 503, retriable: true, title: "This front end's clock is off; it refuses writes" },
  stopping: { status: 503, retriable: true, title: "This front end is stopping" },
  outcome_unknown: { status: 504, retriable: true, title: "Whether the write was applied is not known" },
  storage_full: { status: 507, retriable: true, title: "A partition has no room left" },
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** Facts for the problem document besides the code, such as `{ retry_after: 1 }` or `{ available: [...] }`. */
export type ErrorDetails = { readonly [name: string]: string | number | boolean | readonly string[] };

/** V8's limit of the lines of a stack; the client's types do not know it. */
const stacks = Error as ErrorConstructor & { stackTraceLimit: number };

/**
 * An expected failure. `message` says what was tried, what happened and what to do, and may be shown to the
 * client: it never contains a secret. `cause` keeps the original error for the log.
 */
export class StoreError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    const { stackTraceLimit } = stacks;
    // Where an expected failure was thrown tells nobody anything, and finding out takes longer than a GET.
    if (code !== "internal") stacks.stackTraceLimit = 0;
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    stacks.stackTraceLimit = stackTraceLimit;
    this.name = "StoreError";
    this.code = code;
    this.details = options.details ?? {};
  }

  get status(): number {
    return errorCodes[this.code].status;
  }
}

/** A mistake in the configuration or on the command line: one line that names the thing and the mend. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
