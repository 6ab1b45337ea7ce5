/** The name of a request: the client's `x-request-id` where it is usable, else one of ours. */
import { BatonError, type RequestId, requestId } from "@baton/core";
import type { FastifyRequest } from "fastify";
import { randomBytes } from "../random-bytes.ts";

/** Where a client may name its request, and where the answer says the name. */
export const REQUEST_ID_HEADER = "x-request-id";

/** Letters that are safe in headers, logs and trace attributes; long enough for any id scheme in use. */
const USABLE = /^[A-Za-z0-9._:-]{1,128}$/;

/** @param taken true for an id that a running request has: workers tell requests apart by it */
export function chooseRequestId(given: unknown, taken: (id: RequestId) => boolean): RequestId {
  if (typeof given === "string" && USABLE.test(given) && !taken(requestId(given))) return requestId(given);
  return requestId(`req-${randomBytes(16).toString("hex")}`);
}

/**
 * The name that the body gives its request, on routes where it may; a body that is not as it should be gives none.
 * @throws BatonError `invalid_argument` for a name that cannot be used: whoever sent it means to use it again
 */
export function nameInBody(
  { body, routeOptions }: FastifyRequest,
  taken: (id: RequestId) => boolean,
): RequestId | undefined {
  const { idField } = routeOptions.config;
  const name = idField && (body as Readonly<Record<string, unknown>> | null | undefined)?.[idField];
  if (typeof name !== "string") return undefined;
  const id = requestId(name);
  if (!USABLE.test(name)) throw unusable(idField!, "1 to 128 letters, digits and . _ : -");
  if (taken(id)) throw unusable(idField!, "a name that no running request has");
  return id;
}

function unusable(param: string, expected: string): BatonError {
  return new BatonError(
    "invalid_argument",
    `Cannot use "${param}": it cannot name this request, expected ${expected}`,
    {
      param,
    },
  );
}
