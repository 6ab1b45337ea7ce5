/** Errors whose OpenAI `code` says more than our own closed list of codes does. */
import { BatonError, type BatonErrorOptions, type ErrorCode } from "@baton/core";

/** The codes of OpenAI's API that clients are known to look at. */
export type ApiErrorCode = "model_not_found" | "context_length_exceeded";

/** A BatonError that is shown to the client under a code of OpenAI's API. */
export class ApiError extends BatonError {
  readonly apiCode: ApiErrorCode;

  constructor(code: ErrorCode, apiCode: ApiErrorCode, message: string, options?: BatonErrorOptions) {
    super(code, message, options);
    this.apiCode = apiCode;
  }
}
