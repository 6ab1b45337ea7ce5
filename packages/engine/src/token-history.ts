/** Owns what the penalties must know of a sequence: which tokens it has, and how often its answer has them. */
import type { SamplingParams } from "@baton/core";
import type { WrittenTokens } from "@baton/scheduler";

/** The tokens of one sequence. */
export class TokenHistory {
  readonly #prompt: ReadonlySet<number>;
  readonly #answer = new Map<number, number>();

  constructor({ promptTokenIds, answerTokenIds }: WrittenTokens) {
    this.#prompt = new Set(promptTokenIds);
    for (const tokenId of answerTokenIds) this.add(tokenId);
  }

  /** The answer has one more token. */
  add(tokenId: number): void {
    this.#answer.set(tokenId, (this.#answer.get(tokenId) ?? 0) + 1);
  }

  /** Makes the logits of tokens that the sequence has less likely; in time that follows the sequence's length. */
  penalize(logits: Float32Array, sampling: SamplingParams): void {
    const { repetitionPenalty, presencePenalty, frequencyPenalty } = sampling;
    if (repetitionPenalty !== 1) {
      for (const tokenId of this.#prompt) divide(logits, tokenId, repetitionPenalty);
      for (const tokenId of this.#answer.keys()) {
        if (!this.#prompt.has(tokenId)) divide(logits, tokenId, repetitionPenalty);
      }
    }
    for (const [tokenId, count] of this.#answer) {
      logits[tokenId] = logits[tokenId]! - presencePenalty - frequencyPenalty * count;
    }
  }
}

/** Towards less likely, on whichever side of zero the logit is. */
function divide(logits: Float32Array, tokenId: number, penalty: number): void {
  const logit = logits[tokenId]!;
  logits[tokenId] = logit > 0 ? logit / penalty : logit * penalty;
}
