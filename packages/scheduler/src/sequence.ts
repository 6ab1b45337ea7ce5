import {
  BatonError,
  type BlockId,
  blocksFor,
  contextOf,
  type SamplingParams,
  type SequenceId,
} from "@baton/core";
import { type HashedTokens, hashTokens } from "@baton/kv-cache";
import type { PageTable } from "./page-map.ts";
import type { SequenceSpec } from "./sequence-spec.ts";
import type { SampleRequest } from "./step-plan.ts";

/** Where a sequence is; who owns its blocks follows from it (see S2 in scheduler.ts). */
export type SequenceState =
  /** Has no blocks: queues for them, or (goal `decode`) has not asked yet. */
  | { readonly kind: "waiting" }
  | {
      readonly kind: "prefilling";
      readonly blocks: readonly BlockId[];
      /** Tokens found in the prefix cache. */
      readonly cachedTokens: number;
      /** Tokens whose KV is final, cached ones included. */
      readonly computedTokens: number;
    }
  | { readonly kind: "holding"; readonly blocks: readonly BlockId[] }
  | { readonly kind: "receiving"; readonly blocks: readonly BlockId[] }
  | { readonly kind: "ready"; readonly blocks: readonly BlockId[] }
  | { readonly kind: "running"; readonly table: PageTable }
  | { readonly kind: "ended" };

export type SequenceKind = SequenceState["kind"];

/** Sequences per state. */
export type SequenceCounts = Record<SequenceKind, number>;

/** One sequence: its spec, its state, and what follows from its prompt. */
export class Sequence {
  readonly spec: SequenceSpec;
  readonly promptTokens: number;
  /** Lower for a sequence that came earlier. */
  readonly order: number;
  /** The answer so far. While decoding, the KV of its last token is not computed yet. */
  readonly answer: number[];
  readonly #blockSize: number;
  readonly #counts: SequenceCounts;
  #state: SequenceState = { kind: "waiting" };
  #context: readonly number[];
  #hashedContext: HashedTokens | undefined;
  #recomputes = false;

  /** A waiting sequence; it keeps its place in `counts` up to date from now on. */
  constructor(spec: SequenceSpec, order: number, blockSize: number, counts: SequenceCounts) {
    this.spec = spec;
    this.order = order;
    this.answer = [...(spec.answeredTokenIds ?? [])];
    this.#context = contextOf(spec);
    this.promptTokens = spec.promptTokenIds.length;
    this.#blockSize = blockSize;
    this.#counts = counts;
    counts.waiting++;
  }

  get id(): SequenceId {
    return this.spec.id;
  }

  get state(): SequenceState {
    return this.#state;
  }

  /** The tokens whose KV is in its blocks, or will be: the prompt, and what was answered when it came or retracted. */
  get context(): readonly number[] {
    return this.#context;
  }

  /** Blocks that the context needs. */
  get contextBlocks(): number {
    return blocksFor(this.#context.length, this.#blockSize);
  }

  /** The context with the names of its blocks; hashed when first asked for. */
  get hashedContext(): HashedTokens {
    this.#hashedContext ??= hashTokens(this.#context, this.#blockSize);
    return this.#hashedContext;
  }

  /** Tokens of the context that are still to be computed here; none of a prompt whose KV comes from elsewhere. */
  get uncomputedTokens(): number {
    const state = this.#state;
    if (state.kind === "prefilling") return this.#context.length - state.computedTokens;
    const computesHere = this.spec.goal !== "decode" || this.#recomputes;
    return state.kind === "waiting" && computesHere ? this.#context.length : 0;
  }

  /** It ran before, and its context is computed here once more. */
  get recomputes(): boolean {
    return this.#recomputes;
  }

  /** A running sequence gives up its pages: it waits for blocks in which its KV is computed again. */
  retract(): void {
    this.expect("running");
    this.#context = [...this.spec.promptTokenIds, ...this.answer];
    this.#hashedContext = undefined;
    this.#recomputes = true;
    this.enter({ kind: "waiting" });
  }

  /** What the engine must know to choose the next token of the answer. */
  sampleRequest(): SampleRequest {
    const { sampling, promptTokenIds, maskChannel } = this.spec;
    const request = { sampling, outputIndex: this.answer.length, ...(maskChannel && { maskChannel }) };
    return isPenalized(sampling)
      ? { ...request, written: { promptTokenIds, answerTokenIds: [...this.answer] } }
      : request;
  }

  /** The only way to change state. */
  enter(state: SequenceState): void {
    this.#counts[this.#state.kind]--;
    this.#state = state;
    this.#counts[state.kind]++;
  }

  /** The state, where the caller knows its kind. Throws BatonError `internal` if the caller is wrong. */
  expect<Kind extends SequenceKind>(kind: Kind): Extract<SequenceState, { kind: Kind }> {
    const state = this.#state;
    if (state.kind !== kind) {
      throw new BatonError(
        "internal",
        `Cannot go on with sequence "${this.id}": it is ${state.kind}, expected ${kind}`,
      );
    }
    return state as Extract<SequenceState, { kind: Kind }>;
  }
}

/** Whether the choice of a token depends on the tokens before it by more than their logits. */
function isPenalized({ repetitionPenalty, presencePenalty, frequencyPenalty }: SamplingParams): boolean {
  return repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
}
