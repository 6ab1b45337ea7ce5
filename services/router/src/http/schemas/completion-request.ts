/** The body of `POST /v1/completions`. */
import { MAX_TOP_LOGPROBS } from "@baton/core";
import { z } from "zod";
import { type NeutralValues, supportedFields } from "./neutral-values.ts";
import { bodyObject, parseFields } from "./parse-body.ts";
import { samplingFields } from "./sampling-fields.ts";

const schema = z.object({
  ...samplingFields,
  /** How many of the most likely tokens to report with each token. */
  logprobs: z.int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
  prompt: z.string("one string (several prompts and token ids are not supported)"),
});

const FIELDS: ReadonlySet<string> = new Set(Object.keys(schema.shape));

const NEUTRAL: NeutralValues = {
  best_of: [1],
  echo: [false],
  suffix: [""],
};

export type CompletionRequest = z.infer<typeof schema>;

/** @throws BatonError `invalid_argument` naming the field at fault. */
export function parseCompletionRequest(body: unknown): CompletionRequest {
  return parseFields(schema, supportedFields(bodyObject(body), FIELDS, NEUTRAL));
}
