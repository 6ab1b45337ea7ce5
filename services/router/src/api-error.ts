/** Errors whose OpenAI `code` says more than our own closed list of codes does. */
import { BatonError, type BatonErrorOptions, type ErrorCode } from "@baton/core";

/** The codes of OpenAI's API that clients are known to look at. */
export type ApiErrorCode =
  | "model_not_found"
  | "context_length_exceeded"
  | "invalid_api_key"
  | "rate_limit_exceeded";

export interface ApiErrorOptions extends BatonErrorOptions {
  /** When the client should come back, in ms, where that is known. */
  readonly retryAfterMs?: number;
}

/** A BatonError that is shown to the client under a code of OpenAI's API. */
export class ApiError extends BatonError {
  readonly apiCode: ApiErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, apiCode: ApiErrorCode, message: string, options?: ApiErrorOptions) {
    super(code, message, options);
    this.apiCode = apiCode;
    this.retryAfterMs = options?.retryAfterMs;
  }
}
