/**
 * SGLang's rule: the shortest queue when queues differ too much; else the longest known prefix when it is long enough;
 * else the smallest cache, so that caches fill evenly.
 */
import { countBlocks } from "../kv-index/block-names.ts";
import type { KvIndex } from "../kv-index/kv-index.ts";
import type { Scorer } from "../routing-policy.ts";
import type { WorkerView } from "../worker-view.ts";
import { costInputs } from "./cost-inputs.ts";

/** When to look at what; `DEFAULT_CACHE_AWARE_BOUNDS` are SGLang's. */
export interface CacheAwareBounds {
  /** Least share of the prompt's blocks that makes a common prefix count, 0 to 1; exclusive. */
  readonly cacheThreshold: number;
  /** Queues differ too much when longest − shortest exceeds this … */
  readonly balanceRequests: number;
  /** … and longest exceeds shortest times this. */
  readonly balanceRatio: number;
}

const DEFAULT_CACHE_AWARE_BOUNDS: CacheAwareBounds = {
  cacheThreshold: 0.3,
  balanceRequests: 64,
  balanceRatio: 1.5,
};

/** @param history what was routed before, by this policy alone */
export function cacheAwareCost(history: KvIndex, bounds = DEFAULT_CACHE_AWARE_BOUNDS): Scorer {
  return (workers, request) => {
    const blocks = request.blocks ?? new Int32Array(0);
    const overlap = history.find(blocks, request.now ?? 0);
    const inputs = workers.map((worker) => costInputs(worker, request, overlap.of(worker.record)));
    const longest = Math.max(...inputs.map(({ overlapBlocks }) => overlapBlocks));
    const isKnown = longest > bounds.cacheThreshold * countBlocks(blocks);
    const isUneven = unevenQueues(workers, bounds);
    return inputs.map((input, index) => ({
      ...input,
      total: isUneven
        ? workers[index]!.load.requests
        : isKnown
          ? input.promptBlocks - input.overlapBlocks
          : input.cacheBlocks,
    }));
  };
}

function unevenQueues(workers: WorkerView, bounds: CacheAwareBounds): boolean {
  const queues = workers.map(({ load }) => load.requests);
  const longest = Math.max(...queues);
  const shortest = Math.min(...queues);
  return longest - shortest > bounds.balanceRequests && longest > shortest * bounds.balanceRatio;
}
