/** The parameters that both endpoints share. Null is the same as leaving a field out. */
import { BatonError } from "@baton/core";
import { z } from "zod";
import type { CompletionCall } from "../../pipeline/completion-call.ts";
import type { NeutralValues } from "./neutral-values.ts";

const stop = z
  .string()
  .min(1, "expected at least one character")
  .max(1024, "expected at most 1024 characters");

export const samplingFields = {
  model: z.string(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  seed: z.int().nullish(),
  stop: z
    .union([stop, z.array(stop).max(4)], { error: "a string or an array of at most 4 strings" })
    .nullish(),
  max_tokens: z.int().min(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().nullish() }).nullish(),
  user: z.string().max(512).nullish(),
};

/** Values of unsupported parameters that ask for nothing, on both endpoints. */
export const SAMPLING_NEUTRAL: NeutralValues = {
  n: [1],
  presence_penalty: [0],
  frequency_penalty: [0],
  logit_bias: [{}],
};

const schema = z.object(samplingFields);

/** A request's parameters, as the pipeline wants them. */
export function samplingOf(request: z.infer<typeof schema>): Omit<CompletionCall, "prompt"> {
  return {
    model: request.model,
    temperature: request.temperature ?? undefined,
    topP: request.top_p ?? undefined,
    // A negative seed is as good as any other 64 bits.
    seed: request.seed == null ? undefined : BigInt.asUintN(64, BigInt(request.seed)),
    maxTokens: request.max_tokens ?? undefined,
    stop: request.stop == null ? [] : [request.stop].flat(),
  };
}

/** How the answer is to be sent. @throws BatonError `invalid_argument` for stream options without a stream. */
export function deliveryOf(request: z.infer<typeof schema>) {
  const stream = request.stream ?? false;
  if (request.stream_options && !stream) {
    throw new BatonError(
      "invalid_argument",
      'Cannot use "stream_options": expected it to be left out unless "stream" is true',
      { param: "stream_options" },
    );
  }
  return {
    stream,
    includeUsage: request.stream_options?.include_usage ?? false,
    user: request.user ?? undefined,
  };
}
