/**
 * Hears of every change of what a lookup can find, in order. Blocks are named by their sequence hashes. Called in the
 * middle of the pool's commands: it must not throw and must not call back.
 */
export interface PrefixCacheObserver {
  /** A block can be found from now on; its parent can be found already. */
  stored(name: bigint): void;
  /** A block was evicted; it had no findable child. */
  removed(name: bigint): void;
  /** Nothing can be found any more; what can be found all the same is `stored` again at once. */
  cleared(): void;
}

/** The part of a block pool that outlives sequences, for whoever reports or empties it. */
export interface PrefixCache {
  /** Names of all blocks that can be found now, parents before children. */
  names(): BigUint64Array<ArrayBuffer>;
  /** Tells `observer` of every change from now on; there is one at most. */
  observe(observer: PrefixCacheObserver): void;
  /** Forgets the content of every cached block: afterwards they are free. Returns how many there were. */
  forgetCached(): number;
}
