export { AsyncQueue } from "./async-queue.ts";
export { type Clock, systemClock } from "./clock.ts";
export { abortAt, abortWith, type DeadlineSignal, deadlineSignal, untilAborted } from "./deadline.ts";
export {
  assertNever,
  BatonError,
  type BatonErrorOptions,
  ERROR_TRAITS,
  type ErrorCode,
  isBatonError,
  isErrorCode,
} from "./errors.ts";
export {
  contextOf,
  type FinishReason,
  type GenerationEvent,
  type GenerationRequest,
  MAX_GRAMMAR_LENGTH,
  MAX_TOP_LOGPROBS,
  MIN_LOGPROB,
  NEUTRAL_SAMPLING,
  type SampledToken,
  type SamplingParams,
  type TokenBias,
  type TokenLogprobs,
  type Usage,
} from "./generation.ts";
export { hostPort } from "./host-port.ts";
export {
  type BlockId,
  type BootstrapRoom,
  blockId,
  bootstrapRoom,
  formatRoom,
  type RequestId,
  requestId,
  type SequenceId,
  sequenceId,
  type WorkerId,
  workerId,
} from "./ids.ts";
export {
  blocksFor,
  KV_DTYPE_BYTES,
  type KvDtype,
  type KvLayout,
  kvBytesPerBlock,
  kvBytesPerToken,
  kvLayoutDifference,
  type PageDtype,
  pageBytesPerToken,
} from "./kv-layout.ts";
export { type LegTimings, NO_TIMINGS } from "./leg-timings.ts";
export { type Logger, silentLogger } from "./logger.ts";
export { RateLimitedWarning } from "./rate-limited-warning.ts";
export { type ExternalTraceHeader, type TraceFields, traceFields } from "./trace-header.ts";
export type { FeedUpdate, KvCacheEvent, LoadReport } from "./worker-feed.ts";
export type { WorkerCapacity, WorkerRecord, WorkerRole, WorkerState } from "./worker-record.ts";
