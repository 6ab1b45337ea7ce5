/** `POST /abort_request`, as SGLang has it: ends a running request by its name, or all of them. */
import { BatonError, requestId } from "@baton/core";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { InFlightRequests } from "../../in-flight-requests.ts";
import { bodyObject, parseFields } from "../schemas/parse-body.ts";

export const abortBody = z.strictObject({
  /** The request's `rid` or `x-request-id`. */
  rid: z.string().nullish(),
  abort_all: z.boolean().nullish(),
});

export function addAbortRequest(app: FastifyInstance, inFlight: InFlightRequests): void {
  app.post("/abort_request", { config: { admin: true } }, (request) => {
    const { rid, abort_all } = parseFields(abortBody, bodyObject(request.body));
    if (abort_all) return { aborted: inFlight.abortAll(aborted()) };
    if (rid == null) throw nothingNamed();
    return { aborted: inFlight.abort(requestId(rid), aborted()) ? 1 : 0 };
  });
}

/** What the client of the request is told. */
function aborted(): BatonError {
  return new BatonError("canceled", "Canceled: the request was aborted by a call of /abort_request");
}

function nothingNamed(): BatonError {
  return new BatonError(
    "invalid_argument",
    'Cannot abort: "rid" is missing, expected the name of a request, or "abort_all": true',
    { param: "rid" },
  );
}
