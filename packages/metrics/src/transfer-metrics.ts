/** What a hand-over that succeeded says. */
import type { ExternalTraceHeader } from "@baton/core";
import type { Metrics } from "./metrics.ts";

/** The end of a hand-over, as either side has it. */
export interface Transfer {
  /** Payload bytes. */
  readonly bytes: number;
  /** Epoch ms of the first KV byte and of the acknowledgement. */
  readonly startedAt: number;
  readonly endedAt: number;
}

export function observeTransfer(
  metrics: Metrics,
  { bytes, startedAt, endedAt }: Transfer,
  header: ExternalTraceHeader | undefined,
): void {
  const seconds = Math.max(0, endedAt - startedAt) / 1000;
  metrics.add("baton_kv_transfer_bytes_total", bytes, {});
  metrics.observe("baton_kv_transfer_seconds", seconds, {}, header);
  if (seconds > 0) metrics.observe("baton_kv_transfer_bytes_per_second", bytes / seconds, {}, header);
}
