/** The workers of one attempt, and the share of their load that it holds until it ends. */
import { type BootstrapRoom, blocksFor, type WorkerRecord } from "@baton/core";
import type { DisaggregationVerdict, Reservation } from "@baton/routing";

/** A worker and the share of its load that the request holds. */
export interface RoutedLeg extends Reservation {
  readonly worker: WorkerRecord;
  /** Blocks of the prompt; the last may be partly filled. */
  readonly promptBlocks: number;
  /** Those that the worker was taken to have in its cache. */
  readonly overlapBlocks: number;
}

/** What a route rests on: a verdict on where the prompt is computed, or an aggregated worker, which needs none. */
export type RouteReason = DisaggregationVerdict["why"] | "aggregated";

/** The workers of one attempt. Its holder disposes of it, which releases both reservations. */
export interface Route extends Disposable {
  /** Absent: the decode leg's worker computes the prompt itself. */
  readonly prefill?: RoutedLeg & { readonly room: BootstrapRoom };
  readonly decode: RoutedLeg;
  readonly why: RouteReason;
  /** The answer has so many more tokens: the prompt is computed, and the sequence holds the blocks of all of them. */
  wrote(count: number): void;
}

/** @param promptTokens tokens whose blocks the decode leg's reservation holds already */
export function routeOf(legs: Omit<Route, "wrote" | typeof Symbol.dispose>, promptTokens: number): Route {
  const { prefill, decode } = legs;
  const { blockSize } = decode.worker.layout;
  let tokens = promptTokens;
  return {
    ...legs,
    wrote(count) {
      (prefill ?? decode).prefillEnded();
      const held = blocksFor(tokens, blockSize);
      tokens += count;
      decode.grow(blocksFor(tokens, blockSize) - held);
    },
    [Symbol.dispose]() {
      prefill?.release();
      decode.release();
    },
  };
}
