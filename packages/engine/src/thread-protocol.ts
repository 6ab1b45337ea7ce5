/** What the main thread and the engine thread say to each other. One step is out at a time. */

import type { ErrorCode } from "@baton/core";
import type { StepOutcome, StepPlan } from "@baton/scheduler";
import type { RunnerSpec } from "./runner-spec.ts";

/** Handed to the thread at its start. */
export interface ThreadData {
  readonly runner: RunnerSpec;
  readonly kvBlocks: number;
  /** The memory of `KvMemory`, shared with the main thread. */
  readonly kvBuffer: SharedArrayBuffer;
  /** Tokens that fit into the pages of the decode batch. */
  readonly batchTokens: number;
}

/** To the engine thread. After `close` the thread frees its memory and ends. */
export type ThreadRequest =
  /** `stops` has a `ChunkStop` for each chunk of the plan. */
  | { readonly type: "step"; readonly plan: StepPlan; readonly stops: SharedArrayBuffer }
  | { readonly type: "close" };

/** From the engine thread: `started` once, then one `outcome` or `failed` per step. The thread ends after `failed`. */
export type ThreadReply =
  | { readonly type: "started" }
  | { readonly type: "outcome"; readonly outcome: StepOutcome }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string };
