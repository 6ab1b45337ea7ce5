/** How well a model predicts a text, and how far it is from another: sums over the positions that were scored. */

/** What a comparison comes to. */
export interface QualityFigures {
  /** exp of the mean surprise, in nats, at the text's own tokens; lower is better. */
  readonly perplexity: number;
  /** Mean Kullback-Leibler divergence of the reference's predictions from these, in nats. */
  readonly divergence: number;
  /** Share of positions where both think the same token most likely. */
  readonly agreement: number;
  readonly positions: number;
}

/** Collects predictions. */
export class QualityMeter {
  #surprise = 0;
  #divergence = 0;
  #agreements = 0;
  #positions = 0;

  /** Adds a position: what the reference predicts, what the model under test does, and the token that came. */
  add(reference: Float32Array, tested: Float32Array, next: number): void {
    const [p, q] = [logProbabilities(reference), logProbabilities(tested)];
    let divergence = 0;
    for (let id = 0; id < p.length; id++) divergence += Math.exp(p[id]!) * (p[id]! - q[id]!);
    this.#divergence += divergence;
    this.#surprise -= q[next]!;
    if (mostLikely(p) === mostLikely(q)) this.#agreements++;
    this.#positions++;
  }

  figures(): QualityFigures {
    const positions = this.#positions;
    return {
      perplexity: Math.exp(this.#surprise / positions),
      divergence: this.#divergence / positions,
      agreement: this.#agreements / positions,
      positions,
    };
  }
}

function logProbabilities(logits: Float32Array): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > largest) largest = logit;
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - largest);
  const normalizer = largest + Math.log(total);
  return Float64Array.from(logits, (logit) => logit - normalizer);
}

function mostLikely(values: Float64Array): number {
  let best = 0;
  for (let id = 1; id < values.length; id++) if (values[id]! > values[best]!) best = id;
  return best;
}
