/** `GET` and `PUT /busy_threshold`: from when on the workers count as busy, from the next request on. */
import { BatonError } from "@baton/core";
import type { BusyThresholds } from "@baton/routing";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { bodyObject, parseFields } from "../schemas/parse-body.ts";

export const busyThresholdBody = z.object({
  /** Share of KV blocks in use; with 1 nobody is busy for it. */
  kv_use: z.number().gt(0).max(1).optional(),
  /** Prompt tokens that wait on one worker. */
  waiting_tokens: z.int().min(0).optional(),
});

const FIELDS = Object.keys(busyThresholdBody.shape);

export function addBusyThreshold(app: FastifyInstance, shedder: { thresholds: BusyThresholds }): void {
  app.get("/busy_threshold", { config: { admin: true } }, () => describe(shedder.thresholds));
  app.put("/busy_threshold", { config: { admin: true } }, (request) => {
    const { kv_use, waiting_tokens } = parse(request.body);
    const { kvUse, waitingTokens } = shedder.thresholds;
    shedder.thresholds = { kvUse: kv_use ?? kvUse, waitingTokens: waiting_tokens ?? waitingTokens };
    return describe(shedder.thresholds);
  });
}

function describe({ kvUse, waitingTokens }: BusyThresholds) {
  return { kv_use: kvUse, waiting_tokens: waitingTokens };
}

/** One of the two or both; what is left out stays as it is. */
function parse(body: unknown): z.infer<typeof busyThresholdBody> {
  const fields = bodyObject(body);
  const names = Object.keys(fields);
  const unknown = names.find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) throw unusable(`"${unknown}"`, unknown);
  if (names.length === 0) throw unusable("the body: it is empty", undefined);
  return parseFields(busyThresholdBody, fields);
}

function unusable(what: string, param: string | undefined): BatonError {
  const message = `Cannot use ${what}${param === undefined ? "," : ":"} expected ${FIELDS.map((name) => `"${name}"`).join(" or ")}`;
  return new BatonError("invalid_argument", message, param === undefined ? {} : { param });
}
