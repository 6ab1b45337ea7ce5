export {
  BLOCK_HASH_SEED,
  blockHashes,
  type HashedTokens,
  hashTokens,
  sequenceHashes,
} from "./block-hash.ts";
export { BlockPool, type BlockPoolSize, type BlockPoolStatus } from "./block-pool.ts";
export { KvEventLog } from "./kv-event-log.ts";
export { KvMemory } from "./kv-memory.ts";
export type { PrefixCache, PrefixCacheObserver } from "./prefix-cache.ts";
