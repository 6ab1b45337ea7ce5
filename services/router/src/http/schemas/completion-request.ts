/** The body of `POST /v1/completions`. */
import { z } from "zod";
import { type NeutralValues, supportedFields } from "./neutral-values.ts";
import { bodyObject, parseFields } from "./parse-body.ts";
import { SAMPLING_NEUTRAL, samplingFields } from "./sampling-fields.ts";

const schema = z.object({
  ...samplingFields,
  prompt: z.string("one string (several prompts and token ids are not supported)"),
});

const FIELDS: ReadonlySet<string> = new Set(Object.keys(schema.shape));

const NEUTRAL: NeutralValues = {
  ...SAMPLING_NEUTRAL,
  best_of: [1],
  echo: [false],
  logprobs: [],
  suffix: [""],
};

export type CompletionRequest = z.infer<typeof schema>;

/** @throws BatonError `invalid_argument` naming the field at fault. */
export function parseCompletionRequest(body: unknown): CompletionRequest {
  return parseFields(schema, supportedFields(bodyObject(body), FIELDS, NEUTRAL));
}
