/** What one cache for the whole cluster would hit, request after request, by block of the trace. */
import type { TraceRequest } from "./mooncake-trace.ts";

/** Share of the trace's blocks that are in a cache of `capacity` blocks that forgets the least recently used. */
export function globalCacheHitRate(
  requests: readonly TraceRequest[],
  capacity = Number.POSITIVE_INFINITY,
): number {
  const cache = new Map<number, true>();
  let hits = 0;
  let blocks = 0;
  for (const { hashIds } of requests) {
    blocks += hashIds.length;
    let isPrefix = true;
    for (const id of hashIds) {
      isPrefix &&= cache.has(id);
      if (isPrefix) hits += 1;
    }
    // Last block first, as workers do: the beginning of a prompt is the last to be forgotten.
    for (const id of hashIds.toReversed()) {
      cache.delete(id);
      cache.set(id, true);
    }
    for (const oldest of cache.keys()) {
      if (cache.size <= capacity) break;
      cache.delete(oldest);
    }
  }
  return hits / blocks;
}
