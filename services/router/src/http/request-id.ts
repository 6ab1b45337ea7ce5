/** The name of a request: the client's `x-request-id` where it is usable, else one of ours. */
import { randomBytes } from "node:crypto";
import { type RequestId, requestId } from "@baton/core";

/** Where a client may name its request, and where the answer says the name. */
export const REQUEST_ID_HEADER = "x-request-id";

/** Letters that are safe in headers, logs and trace attributes; long enough for any id scheme in use. */
const USABLE = /^[A-Za-z0-9._:-]{1,128}$/;

/** @param taken true for an id that a running request has: workers tell requests apart by it */
export function chooseRequestId(given: unknown, taken: (id: RequestId) => boolean): RequestId {
  if (typeof given === "string" && USABLE.test(given) && !taken(requestId(given))) return requestId(given);
  return requestId(`req-${randomBytes(16).toString("hex")}`);
}
