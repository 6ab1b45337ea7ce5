/**
 * Owns the order in which the parts of a step are computed (saves, moves, slot length, admissions, prefills, decodes), and the samplers of
 * the running sequences.
 *
 *   X1  The sampler of the sequence in slot s is at index s.
 *   X2  A sequence whose logits are broken fails alone, and its slot is cleared: attention multiplies what it does not
 *       look at by 0, and 0 times NaN is NaN, so what is left of it would break the next sequence in the slot.
 */
import { BatonError, type Clock } from "@baton/core";
import type {
  DecodeEntry,
  PrefillChunk,
  PrefillOutcome,
  SlotMove,
  StepOutcome,
  StepPlan,
  TokenOutcome,
} from "@baton/scheduler";
import type { ModelRunner } from "./model-runner.ts";
import { Sampler } from "./sampler.ts";
import { SequenceSampler } from "./sequence-sampler.ts";

/** Computes plans on one runner. */
export class StepExecutor {
  readonly #runner: ModelRunner;
  readonly #clock: Clock;
  readonly #sampler: Sampler;
  readonly #running: SequenceSampler[] = [];

  constructor(runner: ModelRunner, clock: Clock) {
    this.#runner = runner;
    this.#clock = clock;
    this.#sampler = new Sampler(runner.info.vocabSize);
  }

  /** Computes one plan. Rejects if the runner does; the step then has no outcome. */
  async execute(plan: StepPlan): Promise<StepOutcome> {
    const graphMsBefore = this.#runner.graphMs;
    for (const { slot, blocks, start, tokenIds } of plan.saves) {
      this.#runner.save(slot, blocks, start, start + tokenIds.length);
    }
    for (const move of plan.moves) this.#move(plan, move);
    const staying = plan.decodes.length - plan.admissions.length;
    if (plan.decodes.length > 0) this.#runner.resize(staying, plan.slotLength);
    for (const { slot, blocks, tokenCount, sample } of plan.admissions) {
      this.#runner.admit(slot, blocks, tokenCount);
      this.#running[slot] = new SequenceSampler(sample);
    }
    const prefills: PrefillOutcome[] = [];
    for (const chunk of plan.prefills) prefills.push(await this.#executeChunk(chunk));
    const decodeStartedAt = this.#clock.now();
    const decodes = plan.decodes.length === 0 ? [] : await this.#executeBatch(plan.decodes);
    const decodeEndedAt = decodes.length === 0 ? decodeStartedAt : this.#clock.now();
    const graphMs = this.#runner.graphMs - graphMsBefore;
    return { stepId: plan.stepId, prefills, decodes, decodeStartedAt, decodeEndedAt, graphMs };
  }

  async #executeChunk(chunk: PrefillChunk): Promise<PrefillOutcome> {
    const startedAt = this.#clock.now();
    const logits = await this.#runner.prefill(chunk);
    const token = chunk.sample && this.#choose(new SequenceSampler(chunk.sample), logits);
    return { ...(token && { token }), startedAt, endedAt: this.#clock.now() };
  }

  async #executeBatch(entries: readonly DecodeEntry[]): Promise<readonly TokenOutcome[]> {
    const logits = await this.#runner.decode(entries);
    const { vocabSize } = this.#runner.info;
    return entries.map((_, slot) => {
      const row = logits.subarray(slot * vocabSize, (slot + 1) * vocabSize);
      const token = this.#choose(this.#running[slot]!, row);
      if ("failure" in token) this.#runner.clear(slot); // X2
      return token;
    });
  }

  #choose(sequence: SequenceSampler, logits: Float32Array): TokenOutcome {
    try {
      return sequence.next(this.#sampler, logits);
    } catch (reason) {
      return { failure: BatonError.from(reason).message };
    }
  }

  /** What is moved takes part in the step's batch, whose entry says how many tokens its slot holds. */
  #move(plan: StepPlan, { from, to }: SlotMove): void {
    const entry = plan.decodes[to];
    if (!entry) {
      const batch = `a batch of ${plan.decodes.length}`;
      throw new BatonError("internal", `Cannot move slot "${from}": target ${to} is outside ${batch}`);
    }
    this.#runner.move(from, to, entry.position);
    this.#running[to] = this.#running[from]!; // X1
  }
}
