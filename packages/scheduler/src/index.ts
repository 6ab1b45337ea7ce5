export { createScheduler } from "./scheduler.ts";
export type { SchedulerApi, SchedulerLimits, SchedulerStatus } from "./scheduler-api.ts";
export type { SequenceEvent } from "./sequence-event.ts";
export type { SequenceSpec } from "./sequence-spec.ts";
export type {
  DecodeEntry,
  PageLoad,
  PrefillChunk,
  PrefillOutcome,
  SampleRequest,
  StepOutcome,
  StepPlan,
  TokenOutcome,
  WrittenTokens,
} from "./step-plan.ts";
