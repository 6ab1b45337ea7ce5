import type { BatonError } from "@baton/core";
import type { StepOutcome, StepPlan } from "@baton/scheduler";

/** What computes an engine's steps: a thread with a model, or a mock. One step is out at a time. */
export interface PlanExecutor {
  /** Computes a plan; rejects if the executor dies over it. */
  execute(plan: StepPlan): Promise<StepOutcome>;
  /** Settles with the reason when it can compute no more; never on `close`. */
  readonly died: Promise<BatonError>;
  /** Frees everything, after the step that is out. */
  close(): Promise<void>;
}
