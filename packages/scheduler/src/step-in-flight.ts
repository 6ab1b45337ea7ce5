import type { PlannedSave } from "./answer-saves.ts";
import type { PlannedLoad } from "./decode-set.ts";
import type { PlannedChunk } from "./prefill-queue.ts";
import type { Sequence } from "./sequence.ts";
import type { SequenceEvent } from "./sequence-event.ts";
import type { StepPlan } from "./step-plan.ts";

/** A plan that is out, with the sequences behind its entries, which may have ended meanwhile. */
export interface StepInFlight {
  readonly plan: StepPlan;
  /** Behind `plan.saves`. */
  readonly saved: readonly PlannedSave[];
  /** Behind `plan.loads`. */
  readonly loaded: readonly PlannedLoad[];
  /** Behind `plan.prefills`. */
  readonly chunks: readonly PlannedChunk[];
  /** Behind `plan.decodes`. */
  readonly decoding: readonly Sequence[];
}

/** The events of the sequences that join with this step. */
export function joinEvents({ loaded, chunks }: StepInFlight): SequenceEvent[] {
  const decodes = loaded.flatMap(({ sequence, load: { sequenceId, sample } }): SequenceEvent[] => {
    if (sample === undefined) return [];
    return [{ type: sequence.recomputes ? "resumed" : "decode-start", sequenceId }];
  });
  const prefills = chunks.flatMap(({ sequence, chunk }): SequenceEvent[] => {
    const { cachedTokens } = sequence.expect("prefilling");
    const isFirst = chunk.start === cachedTokens && !sequence.recomputes;
    return isFirst ? [{ type: "prefill-start", sequenceId: sequence.id, cachedTokens }] : [];
  });
  return [...decodes, ...prefills];
}
