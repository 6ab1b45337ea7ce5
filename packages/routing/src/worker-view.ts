/** The workers as routing sees them: frozen, so that a decision is a function of the request and this value alone. */
import type { WorkerRecord } from "@baton/core";

/** What the router has sent to a worker and not seen the end of. */
export interface WorkerLoad {
  /** Requests with a leg there. */
  readonly requests: number;
  /** Blocks of prompts still to be computed there. */
  readonly prefillBlocks: number;
  /** Blocks of sequences that decode there. */
  readonly decodeBlocks: number;
}

/** A worker that may be chosen, and how busy this router keeps it. */
export interface RoutableWorker {
  readonly record: WorkerRecord;
  readonly load: WorkerLoad;
}

/** Every known worker at one moment. */
export type WorkerView = readonly RoutableWorker[];

/** What routing needs to know of a request. */
export interface RouteRequest {
  /** The model's name in the API. */
  readonly model: string;
  /** Length of the prompt, at least 1. */
  readonly promptTokens: number;
}
