/** BatonError ↔ gRPC status. Between Baton's own processes the code travels in metadata, so nothing is lost. */
import { BatonError, ERROR_TRAITS, type ErrorCode, isErrorCode } from "@baton/core";
import * as grpc from "@grpc/grpc-js";

const CODE_KEY = "baton-error-code";
const PARAM_KEY = "baton-error-param";

/** HTTP/2 peers may refuse headers above 8 KiB, and a message may grow to nine times its length in percent-encoding. */
const MAX_MESSAGE_LENGTH = 600;
const MAX_PARAM_LENGTH = 100;

/** What a status without Baton's metadata means: made by gRPC itself, on either end, or by a foreign peer. */
const CODE_OF_STATUS = {
  [grpc.status.OK]: "internal",
  [grpc.status.CANCELLED]: "worker_lost", // We did not cancel (that is answered before this table): the peer dropped the call.
  [grpc.status.UNKNOWN]: "internal",
  [grpc.status.INVALID_ARGUMENT]: "invalid_argument",
  [grpc.status.DEADLINE_EXCEEDED]: "deadline_exceeded",
  [grpc.status.NOT_FOUND]: "not_found",
  [grpc.status.ALREADY_EXISTS]: "room_conflict",
  [grpc.status.PERMISSION_DENIED]: "permission_denied",
  [grpc.status.RESOURCE_EXHAUSTED]: "payload_too_large", // gRPC's own limit is the message size; ours would say `overloaded` in metadata.
  [grpc.status.FAILED_PRECONDITION]: "kv_mismatch",
  [grpc.status.ABORTED]: "kv_transfer_failed",
  [grpc.status.OUT_OF_RANGE]: "payload_too_large",
  [grpc.status.UNIMPLEMENTED]: "internal", // The peer lacks the service: a mistake of ours, not of the client.
  [grpc.status.INTERNAL]: "internal",
  [grpc.status.UNAVAILABLE]: "worker_lost", // No connection, or a broken one.
  [grpc.status.DATA_LOSS]: "internal",
  [grpc.status.UNAUTHENTICATED]: "unauthenticated",
} as const satisfies Record<grpc.status, ErrorCode>;

/** An error that grpc-js sends as a status. */
export interface StatusError extends Error {
  readonly code: grpc.status;
  readonly details: string;
  readonly metadata: grpc.Metadata;
}

/** The status that tells a client of `error`. */
export function toStatusError(error: BatonError): StatusError {
  const metadata = new grpc.Metadata();
  metadata.set(CODE_KEY, error.code);
  if (error.param !== undefined)
    metadata.set(PARAM_KEY, encodeURIComponent(clip(error.param, MAX_PARAM_LENGTH)));
  const details = clip(error.message, MAX_MESSAGE_LENGTH);
  return Object.assign(new Error(details), { code: ERROR_TRAITS[error.code].grpc, details, metadata });
}

/** The error that a failed call means; `action` completes "Cannot …". */
export function fromServiceError(error: grpc.ServiceError, action: string): BatonError {
  const code = error.metadata?.get(CODE_KEY)[0];
  if (!isErrorCode(code)) {
    return new BatonError(codeOf(error), `Cannot ${action}: ${error.details}`, { cause: error });
  }
  const param = error.metadata.get(PARAM_KEY)[0];
  return new BatonError(code, error.details, {
    cause: error,
    ...(typeof param === "string" && { param: decodeParam(param) }),
  });
}

/** A call that was reset without a status was torn down with its server; grpc-js reports it as an internal error. */
function codeOf({ code, details }: grpc.ServiceError): ErrorCode {
  if (code === grpc.status.INTERNAL && details.startsWith("Received RST_STREAM")) return "worker_lost";
  return CODE_OF_STATUS[code] ?? "internal";
}

/** A lone surrogate, also one made by clipping, would make percent-encoding throw inside grpc-js. */
function clip(text: string, length: number): string {
  return text.slice(0, length).toWellFormed();
}

function decodeParam(param: string): string {
  try {
    return decodeURIComponent(param);
  } catch {
    return param;
  }
}
