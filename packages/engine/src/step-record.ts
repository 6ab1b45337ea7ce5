import type { ExternalTraceHeader, SequenceId } from "@baton/core";
import type { StepOutcome, StepPlan } from "@baton/scheduler";

/** One step of the engine that was executed, for metrics and traces. */
export interface StepRecord {
  /** Epoch ms around the step, from its plan to its outcome. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Prefill chunks in it. */
  readonly prefills: number;
  /** Sequences in its decode batch. */
  readonly decodes: number;
  readonly plan: StepPlan;
  readonly outcome: StepOutcome;
  /** The trace context that a sequence of the plan was submitted with, unless it has ended meanwhile. */
  readonly headerOf: (id: SequenceId) => ExternalTraceHeader | undefined;
  /** Milliseconds of it that were spent in the graphs; the rest is overhead. */
  readonly graphMs: number;
}
