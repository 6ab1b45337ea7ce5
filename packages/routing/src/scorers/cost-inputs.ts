/** What every scorer knows of a worker and a request, in blocks of that worker. */
import { blocksFor } from "@baton/core";
import type { WorkerOverlap } from "../kv-index/prompt-overlap.ts";
import type { WorkerCost } from "../routing-policy.ts";
import type { RoutableWorker, RouteRequest } from "../worker-view.ts";

/** A cost without its total; the overlap is the index's unless another is given. */
export function costInputs(
  { record, load }: RoutableWorker,
  request: RouteRequest,
  overlap: WorkerOverlap | undefined = request.overlap?.of(record),
): Omit<WorkerCost, "total"> {
  return {
    promptBlocks: blocksFor(request.promptTokens, record.layout.blockSize),
    overlapBlocks: overlap?.promptBlocks ?? 0,
    activePrefillBlocks: load.prefillTokens / record.layout.blockSize,
    activeDecodeBlocks: load.decodeBlocks,
    cacheBlocks: overlap?.cacheBlocks ?? 0,
  };
}
