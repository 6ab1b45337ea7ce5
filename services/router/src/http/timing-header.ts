/** How an answer tells where its time went: in a header as `Server-Timing` writes it, or beside its usage. */
import type { TimingSplit } from "../request-figures.ts";

/** On answers that are not streamed; a client that sends it with `1` gets the same in `usage`, of streams as well. */
export const TIMING_HEADER = "x-baton-timing";

const HEADER_NAMES: Readonly<Record<keyof TimingSplit, string>> = {
  queueMs: "queue",
  tokenizeMs: "tokenize",
  routingMs: "routing",
  prefillWaitMs: "prefill_wait",
  prefillMs: "prefill",
  transferMs: "transfer",
  decodeWaitMs: "decode_wait",
  decodeMs: "decode",
  firstTokenMs: "ttft",
  totalMs: "total",
};

/** `queue;dur=0.012, tokenize;dur=0.4, …`, in milliseconds. */
export function timingHeader(split: TimingSplit): string {
  return entries(split)
    .map(([name, ms]) => `${name};dur=${ms}`)
    .join(", ");
}

/** The `timing` of a usage object: `{ queue_ms, tokenize_ms, … }`. */
export function timingObject(split: TimingSplit): Readonly<Record<string, number>> {
  return Object.fromEntries(entries(split).map(([name, ms]) => [`${name}_ms`, ms]));
}

/** Microseconds are as much as a clock can tell. */
function entries(split: TimingSplit): [name: string, ms: number][] {
  return (Object.keys(HEADER_NAMES) as (keyof TimingSplit)[]).map((part) => [
    HEADER_NAMES[part],
    Math.round(split[part] * 1000) / 1000,
  ]);
}
