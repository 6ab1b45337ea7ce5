/**
 * What a request would cost on a worker, in KV blocks:
 * `scale · max(active_prefill_blocks + prompt_blocks − overlap_credits, 0) + active_decode_blocks + incoming_blocks`.
 */
import { blocksFor } from "@baton/core";
import type { RoutableWorker, RouteRequest } from "./worker-view.ts";

/** One candidate's cost and what went into it, all in blocks. */
export interface WorkerCost {
  readonly total: number;
  readonly promptBlocks: number;
  /** Prompt blocks that the worker already holds. Zero while no index of the workers' caches exists. */
  readonly overlapBlocks: number;
  readonly activePrefillBlocks: number;
  readonly activeDecodeBlocks: number;
}

/** Scores a candidate; the smaller total is the better one. */
export type CostFunction = (worker: RoutableWorker, request: RouteRequest) => WorkerCost;

/**
 * @param options.prefillScale weight of computing prompt blocks against holding them: 0 where prompts are not computed
 */
export function kvCost(options: { readonly prefillScale: number }): CostFunction {
  return ({ record, load }, request) => {
    const promptBlocks = blocksFor(request.promptTokens, record.layout.blockSize);
    const overlapBlocks = 0;
    const toCompute = Math.max(load.prefillBlocks + promptBlocks - overlapBlocks, 0);
    return {
      total: options.prefillScale * toCompute + load.decodeBlocks + promptBlocks,
      promptBlocks,
      overlapBlocks,
      activePrefillBlocks: load.prefillBlocks,
      activeDecodeBlocks: load.decodeBlocks,
    };
  };
}
