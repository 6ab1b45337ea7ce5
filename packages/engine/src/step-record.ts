/** One step of the engine that was executed, for metrics and traces. */
export interface StepRecord {
  /** Epoch ms around the step, from its plan to its outcome. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Prefill chunks in it. */
  readonly prefills: number;
  /** Sequences in its decode batch. */
  readonly decodes: number;
}
