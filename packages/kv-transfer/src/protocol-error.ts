import { BatonError } from "@baton/core";

/**
 * What a peer did against the protocol. The message is only the part after the colon: the room, or the server, puts
 * the action, the room and the peer's address in front of it.
 */
export function protocolError(detail: string): BatonError {
  return new BatonError("kv_transfer_failed", detail);
}

/** The same failure as seen by whoever was acting: `action` in front, code and cause kept. */
export function during(action: string, failure: BatonError): BatonError {
  return new BatonError(failure.code, `${action}: ${failure.message}`, { cause: failure });
}
