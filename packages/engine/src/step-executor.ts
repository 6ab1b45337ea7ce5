/**
 * Owns the order in which the parts of a step are computed (saves, moves, loads, prefills, decodes), and the samplers of
 * the running sequences.
 *
 *   X1  There are samplers for the sequences of the last batch, and for no others.
 *   X2  A sequence whose logits are broken fails alone, and its pages are cleared: attention multiplies what it does not
 *       look at by 0, and 0 times NaN is NaN, so what is left of it would break the next sequence in its pages.
 */
import { BatonError, type Clock, type SequenceId } from "@baton/core";
import type { PrefillChunk, PrefillOutcome, StepOutcome, StepPlan, TokenOutcome } from "@baton/scheduler";
import { ChunkStop } from "./chunk-stop.ts";
import type { ModelRunner } from "./model-runner.ts";
import { Sampler } from "./sampler.ts";
import { SequenceSampler } from "./sequence-sampler.ts";

/** Computes plans on one runner. */
export class StepExecutor {
  readonly #runner: ModelRunner;
  readonly #clock: Clock;
  readonly #sampler: Sampler;
  #running = new Map<SequenceId, SequenceSampler>();

  constructor(runner: ModelRunner, clock: Clock) {
    this.#runner = runner;
    this.#clock = clock;
    this.#sampler = new Sampler(runner.info.vocabSize);
  }

  /**
   * Computes one plan. Rejects if the runner does; the step then has no outcome.
   * @param stops made by `ChunkStop.allocate` for the plan's chunks
   */
  async execute(plan: StepPlan, stops: SharedArrayBuffer): Promise<StepOutcome> {
    const graphMsBefore = this.#runner.graphMs;
    for (const { tokenIds, ...range } of plan.saves) {
      this.#runner.pages.save({ ...range, end: range.start + tokenIds.length });
    }
    for (const { from, to } of plan.moves) this.#runner.pages.move(from, to);
    for (const { sequenceId, sample, ...range } of plan.loads) {
      this.#runner.pages.load(range);
      if (sample) this.#running.set(sequenceId, new SequenceSampler(sample));
    }
    const prefills: PrefillOutcome[] = [];
    for (const [index, chunk] of plan.prefills.entries()) {
      prefills.push(await this.#executeChunk(chunk, ChunkStop.at(stops, index)));
    }
    const decodeStartedAt = this.#clock.now();
    const decodes = plan.decodes.length === 0 ? [] : await this.#executeBatch(plan);
    const decodeEndedAt = decodes.length === 0 ? decodeStartedAt : this.#clock.now();
    const graphMs = this.#runner.graphMs - graphMsBefore;
    return { stepId: plan.stepId, prefills, decodes, decodeStartedAt, decodeEndedAt, graphMs };
  }

  async #executeChunk(chunk: PrefillChunk, stop: ChunkStop): Promise<PrefillOutcome> {
    const startedAt = this.#clock.now();
    const logits = stop.isSet ? undefined : await this.#runner.prefill(chunk, stop);
    if (!logits) return { stopped: true, startedAt, endedAt: this.#clock.now() };
    const token = chunk.sample && this.#choose(new SequenceSampler(chunk.sample), logits);
    return { ...(token && { token }), startedAt, endedAt: this.#clock.now() };
  }

  async #executeBatch({ decodes, pages }: StepPlan): Promise<readonly TokenOutcome[]> {
    const logits = await this.#runner.decode(decodes, pages);
    const { vocabSize } = this.#runner.info;
    this.#running = new Map(decodes.map(({ sequenceId }) => [sequenceId, this.#samplerOf(sequenceId)])); // X1
    return decodes.map((entry, index) => {
      const row = logits.subarray(index * vocabSize, (index + 1) * vocabSize);
      const token = this.#choose(this.#samplerOf(entry.sequenceId), row);
      if ("failure" in token) this.#runner.pages.clear(entry.pages); // X2
      return token;
    });
  }

  #samplerOf(id: SequenceId): SequenceSampler {
    const sampler = this.#running.get(id);
    if (!sampler) throw new BatonError("internal", `Cannot decode sequence "${id}": it was never loaded`);
    return sampler;
  }

  #choose(sequence: SequenceSampler, logits: Float32Array): TokenOutcome {
    try {
      return sequence.next(this.#sampler, logits);
    } catch (reason) {
      return { failure: BatonError.from(reason).message };
    }
  }
}
