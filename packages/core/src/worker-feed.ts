/** What a worker tells every router of itself, unasked: what its prefix cache can find, and how busy it is. */

/**
 * A change of a worker's prefix cache. Blocks are named by their sequence hashes, as little-endian u64 one after the
 * other: a name stands for the block together with everything before it.
 */
export type KvCacheEvent =
  /** Blocks that can be found from now on; none comes before its parent. */
  | { readonly kind: "stored"; readonly blocks: Uint8Array }
  /** Blocks that were evicted. */
  | { readonly kind: "removed"; readonly blocks: Uint8Array }
  /** The cache was emptied; what can be found all the same is stored again by the events that follow. */
  | { readonly kind: "cleared" };

/** How busy a worker is at one moment. */
export interface LoadReport {
  /** Prompt tokens that are still to be computed, of sequences that wait or have begun. */
  readonly waitingTokens: number;
  /** Blocks that sequences hold; what is only cached is free for the taking and not counted. */
  readonly usedBlocks: number;
  /** Sequences that compute: prefilling or decoding. */
  readonly runningSequences: number;
  /** Sequences that wait for blocks, for their KV or for a slot. */
  readonly waitingSequences: number;
}

/**
 * One message of a worker's feed. Events are numbered without gaps within an epoch; a snapshot stands for all events up
 * to its number, and no events come between its parts.
 */
export type FeedUpdate =
  | {
      readonly kind: "snapshot";
      /** Number of the last event that the snapshot contains. */
      readonly number: number;
      /** Names of blocks, as in `KvCacheEvent`. */
      readonly blocks: Uint8Array;
      /** Whether this is the last part. */
      readonly final: boolean;
    }
  | {
      readonly kind: "events";
      /** Number of the first event; the others follow. */
      readonly firstNumber: number;
      readonly events: readonly KvCacheEvent[];
      /** How long the first event waited on the worker until it was sent, in ms on the worker's clock. */
      readonly waitedMs: number;
    }
  | { readonly kind: "load"; readonly load: LoadReport };
