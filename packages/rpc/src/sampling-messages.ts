/** SamplingParams and TokenLogprobs ↔ domain. Incoming messages are checked. */
import { MAX_GRAMMAR_LENGTH, MAX_TOP_LOGPROBS, type SamplingParams, type TokenLogprobs } from "@baton/core";
import { inRange, MAX_UINT32, rejectField, text } from "./fields.ts";
import type {
  SamplingParams__Output as IncomingSampling,
  SamplingParams as WireSampling,
} from "./generated/baton/v1/SamplingParams.ts";
import type {
  TokenLogprobs__Output as IncomingLogprobs,
  TokenLogprobs as WireLogprobs,
} from "./generated/baton/v1/TokenLogprobs.ts";

/** The largest 32-bit float; above it is only infinity. */
const MAX_FLOAT = 3.4028234663852886e38;
/** The smallest normal 32-bit float. */
const MIN_FLOAT = 2 ** -126;

export function toWireSampling(sampling: SamplingParams): WireSampling {
  const { topLogprobs, grammar, ...rest } = sampling;
  return {
    ...rest,
    topP: Math.max(sampling.topP, MIN_FLOAT), // In single precision a smaller one would become 0, which is not valid.
    seed: sampling.seed.toString(),
    logitBias: sampling.logitBias as { tokenId: number; bias: number }[], // Only read.
    stopTokenIds: sampling.stopTokenIds as number[], // Only read.
    ...(topLogprobs !== undefined && { topLogprobs }),
    ...(grammar !== undefined && { grammar }),
  };
}

/** @throws BatonError `invalid_argument` naming the field. */
export function fromWireSampling(message: IncomingSampling): SamplingParams {
  const { topLogprobs, grammar } = message;
  const number = (name: string, value: number, from: number, to: number) =>
    inRange(`sampling.${name}`, value, from, to);
  const maxTokens = number("max_tokens", message.maxTokens, 1, MAX_UINT32);
  return {
    temperature: number("temperature", message.temperature, 0, MAX_FLOAT),
    topP: number("top_p", message.topP, MIN_FLOAT, 1),
    topK: message.topK,
    minP: number("min_p", message.minP, 0, 1),
    repetitionPenalty: number("repetition_penalty", message.repetitionPenalty, MIN_FLOAT, MAX_FLOAT),
    presencePenalty: number("presence_penalty", message.presencePenalty, -MAX_FLOAT, MAX_FLOAT),
    frequencyPenalty: number("frequency_penalty", message.frequencyPenalty, -MAX_FLOAT, MAX_FLOAT),
    logitBias: message.logitBias.map(({ tokenId, bias }) => ({
      tokenId,
      bias: number("logit_bias", bias, -MAX_FLOAT, MAX_FLOAT),
    })),
    seed: BigInt(message.seed),
    maxTokens,
    minTokens: number("min_tokens", message.minTokens, 0, maxTokens),
    stopTokenIds: message.stopTokenIds,
    ...(topLogprobs !== undefined && {
      topLogprobs: number("top_logprobs", topLogprobs, 0, MAX_TOP_LOGPROBS),
    }),
    ...(grammar !== undefined && { grammar: text("sampling.grammar", grammar, MAX_GRAMMAR_LENGTH) }),
  };
}

export function toWireLogprobs({ logprob, top }: TokenLogprobs): WireLogprobs {
  return {
    logprob,
    topTokenIds: top.map(({ tokenId }) => tokenId),
    topLogprobs: top.map((entry) => entry.logprob),
  };
}

/** @throws BatonError `invalid_argument` for lists of different lengths. */
export function fromWireLogprobs({ logprob, topTokenIds, topLogprobs }: IncomingLogprobs): TokenLogprobs {
  if (topTokenIds.length !== topLogprobs.length) {
    rejectField("logprobs", `${topLogprobs.length} numbers`, `one for each of ${topTokenIds.length} tokens`);
  }
  return { logprob, top: topTokenIds.map((tokenId, i) => ({ tokenId, logprob: topLogprobs[i]! })) };
}
