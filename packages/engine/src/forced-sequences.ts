/**
 * Runs a model along given texts and shows what it expected at each position: how quality is measured. As in serving,
 * the first part of a text is computed by the prefill graph and the rest, token by token, by the decode graph.
 */
import { blockId, blocksFor } from "@baton/core";
import { KvMemory } from "@baton/kv-cache";
import type { OnnxModelRunner } from "./onnx-model-runner.ts";
import { PAGE_TOKENS } from "./pages/page-store.ts";
import type { OnnxRunnerSpec } from "./runner-spec.ts";

/** What the model expects after the token at `position` of a sequence. */
export interface ForcedLogits {
  readonly sequence: number;
  readonly position: number;
  /** `[vocabSize]`, valid until the next is asked for. */
  readonly logits: Float32Array;
}

/** A model that is told what to say. Computes in the calling thread. Disposing of it frees the model. */
export class ForcedSequences implements AsyncDisposable {
  readonly #runner: OnnxModelRunner;
  readonly #blocksPerSequence: number;
  readonly #pagesPerSequence: number;

  private constructor(runner: OnnxModelRunner, blocksPerSequence: number, pagesPerSequence: number) {
    this.#runner = runner;
    this.#blocksPerSequence = blocksPerSequence;
    this.#pagesPerSequence = pagesPerSequence;
  }

  /** Loads a model for up to `sequences` sequences of up to `tokens` tokens at once. */
  static async load(spec: OnnxRunnerSpec, sequences: number, tokens: number): Promise<ForcedSequences> {
    const { layout } = spec.info;
    const blocksPerSequence = blocksFor(tokens, layout.blockSize);
    const memory = new KvMemory(layout, sequences * blocksPerSequence);
    // Loaded only here: workers import this package, and only their engine thread needs ONNX Runtime.
    const { OnnxModelRunner } = await import("./onnx-model-runner.ts");
    const pagesPerSequence = Math.ceil(tokens / PAGE_TOKENS);
    const batchTokens = sequences * pagesPerSequence * PAGE_TOKENS;
    const runner = await OnnxModelRunner.create(spec, memory, batchTokens);
    return new ForcedSequences(runner, blocksPerSequence, pagesPerSequence);
  }

  /**
   * The logits at each position from `promptTokens - 1` on, step by step for all sequences together, which have equal
   * lengths.
   */
  async *logits(
    sequences: readonly (readonly number[])[],
    promptTokens: number,
  ): AsyncGenerator<ForcedLogits> {
    for (const [sequence, tokenIds] of sequences.entries()) {
      const logits = await this.#prefill(sequence, tokenIds.slice(0, promptTokens));
      yield { sequence, position: promptTokens - 1, logits };
    }
    const { vocabSize } = this.#runner.info;
    for (let position = promptTokens; position < sequences[0]!.length; position++) {
      const rows = sequences.map((tokenIds, sequence) => {
        return { position, tokenId: tokenIds[position]!, pages: this.#pagesOf(sequence) };
      });
      const logits = await this.#runner.decode(rows, sequences.length * this.#pagesPerSequence);
      for (const sequence of sequences.keys()) {
        const row = logits.subarray(sequence * vocabSize, (sequence + 1) * vocabSize);
        yield { sequence, position, logits: row };
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner.close();
  }

  async #prefill(sequence: number, tokenIds: readonly number[]): Promise<Float32Array> {
    const first = sequence * this.#blocksPerSequence;
    const blocks = Array.from({ length: this.#blocksPerSequence }, (_, index) => blockId(first + index));
    const promptTokens = tokenIds.length;
    const chunk = { sequenceId: `${sequence}`, blocks, start: 0, tokenIds, promptTokens };
    const logits = (await this.#runner.prefill(chunk))!;
    this.#runner.pages.load({ pages: this.#pagesOf(sequence), blocks, start: 0, end: promptTokens });
    return logits;
  }

  #pagesOf(sequence: number): readonly number[] {
    const first = sequence * this.#pagesPerSequence;
    return Array.from({ length: this.#pagesPerSequence }, (_, index) => first + index);
  }
}
