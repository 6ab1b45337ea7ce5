/**
 * Owns the rules that say among which tokens one is drawn, and the draw. Nothing sorts the vocabulary: min-p and top-k
 * are floors that a likely token is not below, and top-p is found by drawing.
 */
import { mostLikely } from "./most-likely.ts";
import type { VocabularyRow } from "./vocabulary-row.ts";

/** A token e^-40 times as likely as the best does not take part: all of them together weigh less than rounding. */
const FARTHEST = 40;
/** Below this temperature logits that differ at all are so far apart, and its inverse is still a number. */
const MIN_TEMPERATURE = 1e-30;

/** What bounds the candidates. */
export interface CandidateRules {
  /** Above 0. */
  readonly temperature: number;
  /** Tokens at least so many times as likely as the best. */
  readonly minP: number;
  /** The most likely ones, so many; 0 for any number. */
  readonly topK: number;
  /** The fewest most likely ones that reach this share of all weight; of equal ones the smaller id is in first. */
  readonly topP: number;
}

/**
 * Draws a token among those that the rules leave, in proportion to their weights. May change logits.
 *
 * Top-p needs no threshold: a token is drawn among all, and stays if those before it (R1) weigh less than the share, for
 * then it is one of the fewest that reach it. Else it and all behind it are out, and another one is drawn among those
 * before it. That draws in proportion to the weights of those that may stay. What is before a drawn token is half of the
 * rest on average, so the share is reached within a few draws, most often the first.
 *
 * @param maximum the largest logit
 * @param random the next number in [0, 1)
 */
export function drawToken(
  row: VocabularyRow,
  maximum: number,
  rules: CandidateRules,
  random: () => number,
): number {
  const temperature = Math.max(rules.temperature, MIN_TEMPERATURE);
  const nearest = Math.min(FARTHEST, -Math.log(rules.minP));
  const scale = Math.LOG2E / temperature;
  const floor = keepTopK(row, rules.topK, { maximum, lowest: Math.fround(maximum - nearest * temperature) });
  let total = row.weigh(maximum, scale, floor);
  const share = rules.topP * total;
  let id = row.at(random() * total);
  while (rules.topP < 1 && !row.weighsMoreFrom(id, total - share)) {
    const logit = row.logits[id]!;
    ruleOut(row.logits, logit, id);
    total = row.weigh(maximum, scale, logit);
    if (total === 0) return id; // The first of all: a share can be less than rounding.
    id = row.at(random() * total);
  }
  return id;
}

/** Finds the logit of top-k's last token, below which nothing takes part. */
function keepTopK(
  row: VocabularyRow,
  topK: number,
  bounds: { readonly maximum: number; readonly lowest: number },
): number {
  const { logits } = row;
  if (topK === 0 || topK >= logits.length) return bounds.lowest;
  const last = mostLikely(row, topK, bounds).at(-1)!;
  const floor = logits[last]!;
  ruleOut(logits, floor, last + 1);
  return floor;
}

/** Makes tokens with one logit impossible, from an id on. */
function ruleOut(logits: Float32Array, logit: number, fromId: number): void {
  for (let id = logits.indexOf(logit, fromId); id >= 0; id = logits.indexOf(logit, id + 1)) {
    logits[id] = Number.NEGATIVE_INFINITY;
  }
}
