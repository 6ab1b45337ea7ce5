import type { WorkerState } from "@baton/core";

/** What a worker holds at one moment. */
export interface WorkerStatus {
  readonly id: string;
  readonly epoch: string;
  readonly state: WorkerState;
  /** Sequences by state. */
  readonly sequences: {
    readonly waiting: number;
    readonly prefilling: number;
    readonly holding: number;
    readonly receiving: number;
    readonly ready: number;
    readonly running: number;
  };
  /** KV blocks: free + cached + used = total. */
  readonly blocks: {
    readonly total: number;
    readonly free: number;
    readonly cached: number;
    readonly used: number;
  };
  /** Rooms that are not yet `success` or `failed`. */
  readonly rooms: {
    readonly bootstrapping: number;
    readonly waitingForInput: number;
    readonly transferring: number;
  };
  /** Open KV connections. */
  readonly kvConnections: number;
  /** Trace nodes started and not ended. */
  readonly openSpans: number;
  /** What keeps the event loop alive, by kind (`process.getActiveResourcesInfo()`). */
  readonly activeResources: Readonly<Record<string, number>>;
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  /** Prompt tokens found and not found in the prefix cache since start. */
  readonly prefixCache: { readonly hitTokens: number; readonly missTokens: number };
  /** The worker's clock when it answered, epoch ms; undefined from a worker that does not tell. */
  readonly timeMs?: number | undefined;
  /** Version of Baton; undefined from a worker that does not tell. */
  readonly version?: string | undefined;
}

/** What became of the blocks of a prefix cache that was flushed. */
export interface CacheFlush {
  /** Blocks that were cached and are free now. */
  readonly freedBlocks: number;
  /** Blocks that can be found still, as sequences hold them. */
  readonly keptBlocks: number;
}

/** How a worker is to drain. */
export interface DrainOrder {
  /** After how many ms calls that still run are aborted; absent: never. */
  readonly deadlineMs?: number;
  /** Whether the worker leaves the registry at once, and its process ends when nothing runs any more. */
  readonly stop: boolean;
}

/** What every worker offers to operators, routers and tests. */
export interface ControlService {
  status(): WorkerStatus;
  /** Forgets everything in the prefix cache that no sequence holds. */
  flushCache(): CacheFlush;
  /** Takes no new work; returns how many calls run now. */
  drain(order: DrainOrder): number;
  /** Takes work again. @throws BatonError `unavailable` when it was told to stop. */
  resume(): void;
}
