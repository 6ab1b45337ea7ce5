import type { WorkerId } from "./ids.ts";
import type { KvLayout } from "./kv-layout.ts";

/**
 * What a worker does: `prefill` computes prompts for others, `decode` continues from KV it receives,
 * `aggregated` does both by itself.
 */
export type WorkerRole = "prefill" | "decode" | "aggregated";

/** A worker is routed to only while `serving`; `draining` finishes what runs. */
export type WorkerState = "starting" | "serving" | "draining";

/** A worker's entry in the registry. */
export interface WorkerRecord {
  readonly id: WorkerId;
  /** Drawn at process start: a restarted worker is a new identity under the same id. */
  readonly epoch: string;
  readonly role: WorkerRole;
  readonly state: WorkerState;
  /** `host:port` of its gRPC server. */
  readonly grpcAddress: string;
  /** Its servers speak TLS. Said in Redis only: a worker that registers with a router shows it. */
  readonly tls?: boolean;
  /** Where decode workers fetch KV; absent unless `role` is `prefill`. */
  readonly kvAddress?: { readonly host: string; readonly port: number };
  /** The model's name in the API. */
  readonly model: string;
  readonly layout: KvLayout;
  readonly capacity: WorkerCapacity;
  /** Seed of the block hashes that name blocks in its feed; absent from a worker that has no feed. */
  readonly kvHashSeed?: number;
}

/** What a worker can hold at once. */
export interface WorkerCapacity {
  /** Blocks of its KV memory. */
  readonly kvBlocks: number;
  /** Sequences in one decode batch. */
  readonly maxRunning: number;
  /** Longest prompt plus answer, in tokens. */
  readonly maxModelTokens: number;
}
