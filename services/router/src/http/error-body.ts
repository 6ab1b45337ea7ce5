/** Errors as clients see them: the body that OpenAI's API uses. Only code and message leave the process, never a cause. */
import { type BatonError, ERROR_TRAITS } from "@baton/core";
import { ApiError } from "../api-error.ts";

/** The body of every answer that is an error, and the last event of a stream that fails. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    /** The request field at fault. */
    readonly param: string | null;
    readonly code: string;
  };
}

export function errorBody(error: BatonError): ErrorBody {
  return {
    error: {
      message: error.message,
      type: ERROR_TRAITS[error.code].type,
      param: error.param ?? null,
      code: error instanceof ApiError ? error.apiCode : error.code,
    },
  };
}
