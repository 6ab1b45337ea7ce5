import type { BatonError, SequenceId } from "@baton/core";
import type { StepOutcome, StepPlan } from "@baton/scheduler";

/** What computes an engine's steps: a thread with a model, or a mock. One step is out at a time. */
export interface PlanExecutor {
  /** Computes a plan; rejects if the executor dies over it. */
  execute(plan: StepPlan): Promise<StepOutcome>;
  /**
   * Nobody waits for this sequence any more. Its chunk in the step that is out, if it has one, may be left half-way: its
   * outcome says so, and the step is over that much earlier.
   */
  stop(id: SequenceId): void;
  /** Settles with the reason when it can compute no more; never on `close`. */
  readonly died: Promise<BatonError>;
  /** Frees everything, after the step that is out. */
  close(): Promise<void>;
}
