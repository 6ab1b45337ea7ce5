/**
 * Owns the choice of a token from logits. The choice depends on the logits, the sampling parameters, the tokens before
 * and the index of the token in the answer alone. Ties go to the smaller token id.
 */
import { BatonError, type SampledToken, type SamplingParams } from "@baton/core";
import { drawToken } from "./candidates.ts";
import type { MaskReader } from "./grammar/mask-channel.ts";
import { splitmix64, uniform } from "./splitmix64.ts";
import type { TokenHistory } from "./token-history.ts";
import { distributionOf, tokenLogprobs } from "./token-logprobs.ts";
import { VocabularyRow } from "./vocabulary-row.ts";

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

/** Chooses tokens, one after the other; its memory is eight bytes for each token of the vocabulary. */
export class Sampler {
  readonly #row: VocabularyRow;

  constructor(vocabSize: number) {
    this.#row = new VocabularyRow(vocabSize);
  }

  /**
   * Chooses a token.
   * @throws BatonError `internal` when a logit is NaN or none is finite: the model or its KV is broken.
   */
  sample(logits: Float32Array, choice: Choice): SampledToken {
    const { topLogprobs } = choice.sampling;
    this.#row.logits.set(logits);
    if (topLogprobs === undefined) return { tokenId: this.#choose(choice) };
    const distribution = distributionOf(this.#row, largestOf(this.#row), topLogprobs);
    const tokenId = this.#choose(choice);
    return { tokenId, logprobs: tokenLogprobs(logits, tokenId, distribution) };
  }

  #choose({ sampling, outputIndex, history, mask }: Choice): number {
    const row = this.#row;
    const { logits } = row;
    mask?.apply(logits, outputIndex);
    if (outputIndex < sampling.minTokens) forbid(logits, sampling.stopTokenIds);
    for (const { tokenId, bias } of sampling.logitBias) logits[tokenId] = logits[tokenId]! + bias;
    history?.penalize(logits, sampling);
    const maximum = largestOf(row);
    if (sampling.temperature === 0) return row.from(maximum)[0]!;
    return drawToken(row, maximum, sampling, randomNumbers(sampling.seed, outputIndex));
  }
}

function forbid(logits: Float32Array, tokenIds: readonly number[]): void {
  for (const tokenId of tokenIds) logits[tokenId] = Number.NEGATIVE_INFINITY;
}

/** The numbers for one token of an answer: a stream that starts at number `outputIndex` of the seed's own. */
function randomNumbers(seed: bigint, outputIndex: number): () => number {
  const stream = splitmix64(seed, outputIndex);
  let index = 0;
  return () => uniform(stream, index++);
}

function largestOf(row: VocabularyRow): number {
  const maximum = row.largest();
  if (Number.isFinite(maximum)) return maximum;
  const isCulprit = Number.isNaN(maximum) ? Number.isNaN : (logit: number) => logit === maximum;
  const index = row.logits.findIndex(isCulprit);
  throw new BatonError(
    "internal",
    `Cannot sample a token from logits: logit "${index}" is ${maximum}, expected finite numbers`,
  );
}
