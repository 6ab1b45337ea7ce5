/**
 * Owns the choice of a token from logits. The choice depends on the logits, the sampling parameters, the tokens before
 * and the index of the token in the answer alone. Ties go to the smaller token id.
 */
import { BatonError, type SampledToken, type SamplingParams } from "@baton/core";
import { Candidates } from "./candidates.ts";
import type { MaskReader } from "./grammar/mask-channel.ts";
import { uniform } from "./splitmix64.ts";
import type { TokenHistory } from "./token-history.ts";
import { tokenLogprobs } from "./token-logprobs.ts";

/** What a choice depends on beside the logits. */
export interface Choice {
  readonly sampling: SamplingParams;
  /** Index of the token in the answer. */
  readonly outputIndex: number;
  /** Where a penalty asks for it. */
  readonly history: TokenHistory | undefined;
  /** Where a grammar restricts the tokens. */
  readonly mask?: MaskReader | undefined;
}

/** Chooses tokens, one after the other; its memory is as large as the vocabulary. */
export class Sampler {
  readonly #candidates: Candidates;
  /** The model's logits, where they are needed after they were changed. */
  readonly #original: Float32Array;

  constructor(vocabSize: number) {
    this.#candidates = new Candidates(vocabSize);
    this.#original = new Float32Array(vocabSize);
  }

  /**
   * Chooses a token; may change the logits.
   * @throws BatonError `internal` when a logit is NaN or none is finite: the model or its KV is broken.
   */
  sample(logits: Float32Array, choice: Choice): SampledToken {
    const { topLogprobs } = choice.sampling;
    if (topLogprobs === undefined) return { tokenId: this.#choose(logits, choice) };
    this.#original.set(logits);
    const maximum = logits[mostLikely(logits)]!;
    const tokenId = this.#choose(logits, choice);
    return { tokenId, logprobs: tokenLogprobs(this.#original, maximum, tokenId, topLogprobs) };
  }

  #choose(logits: Float32Array, { sampling, outputIndex, history, mask }: Choice): number {
    const { temperature, seed } = sampling;
    mask?.apply(logits, outputIndex);
    if (outputIndex < sampling.minTokens) forbid(logits, sampling.stopTokenIds);
    for (const { tokenId, bias } of sampling.logitBias) logits[tokenId] = logits[tokenId]! + bias;
    history?.penalize(logits, sampling);
    const best = mostLikely(logits);
    if (temperature === 0) return best;
    this.#candidates.collect(logits, logits[best]!, sampling);
    return this.#candidates.draw(uniform(seed, outputIndex));
  }
}

function forbid(logits: Float32Array, tokenIds: readonly number[]): void {
  for (const tokenId of tokenIds) logits[tokenId] = Number.NEGATIVE_INFINITY;
}

/** Index of the largest logit. Four at a time: most of the vocabulary is passed over by one test, which NaN fails. */
function mostLikely(logits: Float32Array): number {
  let best = 0;
  let maximum = Number.NEGATIVE_INFINITY;
  for (let base = 0; base < logits.length; base += 4) {
    const end = base + 4;
    if (
      end <= logits.length &&
      logits[base]! <= maximum &&
      logits[base + 1]! <= maximum &&
      logits[base + 2]! <= maximum &&
      logits[base + 3]! <= maximum
    ) {
      continue;
    }
    for (let index = base; index < Math.min(end, logits.length); index++) {
      const logit = logits[index]!;
      if (Number.isNaN(logit)) throw brokenLogits(logit, index);
      if (logit <= maximum) continue;
      maximum = logit;
      best = index;
    }
  }
  if (!Number.isFinite(maximum)) throw brokenLogits(maximum, best);
  return best;
}

function brokenLogits(value: number, index: number): BatonError {
  return new BatonError(
    "internal",
    `Cannot sample a token from logits: logit "${index}" is ${value}, expected finite numbers`,
  );
}
