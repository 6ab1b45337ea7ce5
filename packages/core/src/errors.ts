/**
 * One error class and a closed list of codes. Each code has its HTTP status, its gRPC status and its
 * answer to "may the same request be tried again elsewhere?"; adding a code makes the compiler ask for all three.
 */

/** Every way in which a request can fail, from the client's fault to ours. */
export type ErrorCode =
  | "invalid_argument"
  | "unauthenticated"
  | "permission_denied"
  | "not_found"
  | "method_not_allowed"
  | "payload_too_large"
  | "overloaded"
  | "canceled"
  | "deadline_exceeded"
  | "unavailable"
  | "worker_lost"
  | "kv_transfer_failed"
  | "kv_mismatch"
  | "room_conflict"
  | "internal";

interface ErrorTraits {
  /** Status of the HTTP answer. */
  readonly http: number;
  /** gRPC status code (google.rpc.Code). */
  readonly grpc: number;
  /** True when another worker, or the same one later, may well succeed with the same request. */
  readonly retryable: boolean;
  /** The `type` of OpenAI-style error bodies. */
  readonly type: "invalid_request_error" | "authentication_error" | "rate_limit_error" | "server_error";
}

/** The properties of each code. */
export const ERROR_TRAITS = {
  invalid_argument: { http: 400, grpc: 3, retryable: false, type: "invalid_request_error" },
  unauthenticated: { http: 401, grpc: 16, retryable: false, type: "authentication_error" },
  permission_denied: { http: 403, grpc: 7, retryable: false, type: "authentication_error" },
  not_found: { http: 404, grpc: 5, retryable: false, type: "invalid_request_error" },
  method_not_allowed: { http: 405, grpc: 12, retryable: false, type: "invalid_request_error" },
  payload_too_large: { http: 413, grpc: 11, retryable: false, type: "invalid_request_error" },
  overloaded: { http: 429, grpc: 8, retryable: true, type: "rate_limit_error" },
  canceled: { http: 499, grpc: 1, retryable: false, type: "server_error" },
  deadline_exceeded: { http: 504, grpc: 4, retryable: false, type: "server_error" },
  unavailable: { http: 503, grpc: 14, retryable: true, type: "server_error" },
  worker_lost: { http: 502, grpc: 14, retryable: true, type: "server_error" },
  kv_transfer_failed: { http: 502, grpc: 10, retryable: true, type: "server_error" },
  kv_mismatch: { http: 502, grpc: 9, retryable: false, type: "server_error" },
  room_conflict: { http: 502, grpc: 6, retryable: true, type: "server_error" },
  internal: { http: 500, grpc: 13, retryable: false, type: "server_error" },
} as const satisfies Record<ErrorCode, ErrorTraits>;

/** Details of a BatonError beyond code and message. */
export interface BatonErrorOptions {
  /** The request field at fault, for example `messages[0].content`. */
  readonly param?: string;
  /** What went wrong underneath; for logs, never sent to a client. */
  readonly cause?: unknown;
}

/**
 * The only error that crosses a package boundary.
 * Messages follow one grammar: the action that failed, the value in quotes, a colon, what is and what should be.
 */
export class BatonError extends Error {
  override readonly name = "BatonError";
  readonly code: ErrorCode;
  /** The request field at fault, if one is. */
  readonly param: string | undefined;

  constructor(code: ErrorCode, message: string, options: BatonErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param;
  }

  /** Turns anything thrown into a BatonError; `fallback` is the code of what is not one already. */
  static from(reason: unknown, fallback: ErrorCode = "internal"): BatonError {
    if (isBatonError(reason)) return reason;
    if (Error.isError(reason)) {
      const code =
        reason.name === "TimeoutError"
          ? "deadline_exceeded"
          : reason.name === "AbortError"
            ? "canceled"
            : fallback;
      return new BatonError(code, reason.message, { cause: reason });
    }
    return new BatonError(fallback, String(reason));
  }
}

/** Recognises a BatonError by its code, not its prototype: duplicate module copies and jest realms have several. */
export function isBatonError(value: unknown): value is BatonError {
  return Error.isError(value) && value.name === "BatonError" && isErrorCode((value as BatonError).code);
}

/** True for a member of the closed code list. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_TRAITS, value);
}

/** Closes a switch over a union: the compiler complains where a case is missing. */
export function assertNever(value: never): never {
  throw new BatonError("internal", `Cannot handle ${JSON.stringify(value)}: expected no other case`);
}
