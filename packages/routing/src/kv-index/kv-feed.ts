/**
 * What a worker tells of its KV cache, and how far a router has followed: a pure state machine.
 *
 * Updates come on one ordered stream per worker epoch: a snapshot in one or more parts with nothing between them, then
 * events, numbered without gaps from the snapshot's number on.
 *
 *   F1  Events are applied in order, each once: a number seen before is ignored, a number too far asks for a snapshot.
 *   F2  The snapshot says which event it ends with; following goes on from there, never from a made-up number.
 *   F3  A snapshot takes effect as a whole, with its last part; until then the blocks known before stay known.
 *   F4  After asking, events are ignored until a snapshot begins: one gap asks once.
 */
import type { BlockNames } from "./block-names.ts";

/** One message of a worker about its KV cache. */
export type KvUpdate =
  /** Blocks held at the moment after event `number`; `final` marks the last part. */
  | {
      readonly kind: "snapshot";
      readonly number: number;
      readonly blocks: BlockNames;
      readonly final: boolean;
    }
  /** Blocks that can now be found, none before its parent. */
  | { readonly kind: "stored"; readonly number: number; readonly blocks: BlockNames }
  | { readonly kind: "removed"; readonly number: number; readonly blocks: BlockNames }
  | { readonly kind: "cleared"; readonly number: number };

/** How far a worker's updates were followed. */
export type KvFeedState =
  /** Nothing came yet; a worker that never says anything stays here. */
  | { readonly kind: "silent" }
  | { readonly kind: "loading"; readonly number: number }
  /** `number` is that of the last event applied. */
  | { readonly kind: "following"; readonly number: number }
  /** A snapshot was asked for. */
  | { readonly kind: "lost" };

/** What to do with an update. */
export type KvFeedStep =
  | { readonly do: "apply"; readonly next: KvFeedState }
  | { readonly do: "ignore"; readonly why: "seen before" | "awaiting a snapshot" }
  | { readonly do: "ask"; readonly why: string };

/** Decides about the next update. A first part of a snapshot is welcome in every state. */
export function nextFeedStep(state: KvFeedState, update: KvUpdate): KvFeedStep {
  return update.kind === "snapshot" ? snapshotStep(update) : eventStep(state, update.number);
}

function snapshotStep({ number, final }: { readonly number: number; readonly final: boolean }): KvFeedStep {
  return { do: "apply", next: { kind: final ? "following" : "loading", number } };
}

function eventStep(state: KvFeedState, number: number): KvFeedStep {
  switch (state.kind) {
    case "silent":
      return { do: "ask", why: `event ${number} came before any snapshot` };
    case "loading":
      return { do: "ask", why: `event ${number} came in the middle of snapshot ${state.number}` };
    case "lost":
      return { do: "ignore", why: "awaiting a snapshot" };
    case "following":
      if (number <= state.number) return { do: "ignore", why: "seen before" };
      if (number === state.number + 1) return { do: "apply", next: { kind: "following", number } };
      return { do: "ask", why: `got event ${number}, expected ${state.number + 1}` };
  }
}
