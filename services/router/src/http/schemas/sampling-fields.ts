/** The parameters that both endpoints share. Null is the same as leaving a field out. */
import { BatonError, type TokenBias } from "@baton/core";
import { z } from "zod";
import type { CompletionCall, ParamNames } from "../../pipeline/completion-call.ts";
import { metadataField } from "../trace-level.ts";

const stop = z
  .string()
  .min(1, "expected at least one character")
  .max(1024, "expected at most 1024 characters");

export const logitBias = z.record(z.string().regex(/^\d{1,9}$/, "a token id"), z.number().min(-100).max(100));

/** A step is worth ten seconds of waiting: more of them say nothing new. */
const MAX_PRIORITY = 1000;

export const samplingFields = {
  model: z.string(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  n: z.int().min(1).max(128).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: logitBias.nullish(),
  seed: z.int().nullish(),
  stop: z
    .union([stop, z.array(stop).max(4)], { error: "a string or an array of at most 4 strings" })
    .nullish(),
  max_tokens: z.int().min(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), include_timing: z.boolean().nullish() })
    .nullish(),
  user: z.string().max(512).nullish(),
  metadata: metadataField,
  // OpenAI's API does not have these; names and meanings are vLLM's.
  priority: z.int().min(-MAX_PRIORITY).max(MAX_PRIORITY).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().min(0.01).max(100).nullish(),
  min_tokens: z.int().min(0).nullish(),
  ignore_eos: z.boolean().nullish(),
  stop_token_ids: z.array(z.int().min(0)).max(64).nullish(),
};

const schema = z.object(samplingFields);

const NAMES: ParamNames = {
  maxTokens: "max_tokens",
  minTokens: "min_tokens",
  stopTokenIds: "stop_token_ids",
  logitBias: "logit_bias",
};

/** A request's parameters, as the pipeline wants them. */
export function samplingOf(request: z.infer<typeof schema>): Omit<CompletionCall, "prompts" | "topLogprobs"> {
  return {
    names: NAMES,
    echo: false,
    defaultMaxTokens: undefined,
    model: request.model,
    priority: request.priority ?? 0,
    n: request.n ?? 1,
    temperature: request.temperature ?? undefined,
    topP: request.top_p ?? undefined,
    topK: topKOf(request.top_k),
    minP: request.min_p ?? undefined,
    repetitionPenalty: request.repetition_penalty ?? undefined,
    presencePenalty: request.presence_penalty ?? undefined,
    frequencyPenalty: request.frequency_penalty ?? undefined,
    logitBias: biasesOf(request.logit_bias),
    seed: seedOf(request.seed),
    maxTokens: request.max_tokens ?? undefined,
    minTokens: request.min_tokens ?? undefined,
    ignoreEos: request.ignore_eos ?? false,
    stopTokenIds: request.stop_token_ids ?? [],
    stop: request.stop == null ? [] : [request.stop].flat(),
  };
}

/** -1 keeps all, as 0 does. */
function topKOf(topK: number | null | undefined): number | undefined {
  return topK == null ? undefined : Math.max(topK, 0);
}

/** A negative seed is as good as any other 64 bits. */
function seedOf(seed: number | null | undefined): bigint | undefined {
  return seed == null ? undefined : BigInt.asUintN(64, BigInt(seed));
}

/** Biases by token id, as an object has them. */
function biasesOf(biases: z.infer<typeof logitBias> | null | undefined): readonly TokenBias[] {
  return Object.entries(biases ?? {}).map(([id, bias]) => ({ tokenId: Number(id), bias }));
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
  const includeTiming = request.stream_options?.include_timing ?? false;
  return {
    stream,
    includeUsage: includeTiming || (request.stream_options?.include_usage ?? false),
    includeTiming,
    user: request.user ?? undefined,
  };
}
