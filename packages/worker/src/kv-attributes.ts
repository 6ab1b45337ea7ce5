/** What a KV hand-over says in a trace, the same on both sides. */
import type { FrameRecord, KvPeer, TransferSummary } from "@baton/kv-transfer";
import { ATTR, type Attributes } from "@baton/tracing";

/** Names the span of a chunk that was sent, so that the span of its receipt can link to it: a room is used once. */
export function kvSendKey(room: string, start: number): string {
  return `kv_send/${room}/${start}`;
}

/** Names the prefill leg of a room, so that the decode leg can link to it. */
export function prefillKey(room: string): string {
  return `prefill/${room}`;
}

export function frameAttributes(room: string, frame: FrameRecord): Attributes {
  return {
    [ATTR.bootstrapRoom]: room,
    [ATTR.tokenStart]: frame.start,
    [ATTR.tokenCount]: frame.count,
    [ATTR.kvBytes]: frame.bytes,
    [ATTR.kvMegabytesPerSecond]: megabytesPerSecond(frame),
  };
}

export function transferAttributes(summary: TransferSummary): Attributes {
  return {
    [ATTR.kvBytes]: summary.bytes,
    [ATTR.kvFrames]: summary.frames,
    [ATTR.kvTokens]: summary.tokens,
    [ATTR.kvMegabytesPerSecond]: megabytesPerSecond(summary),
  };
}

export function peerAttributes({ workerId, address }: KvPeer): Attributes {
  return { [ATTR.peerWorkerId]: workerId, [ATTR.peerAddress]: address };
}

/** Undefined where it took no time that a clock can tell. */
function megabytesPerSecond(moved: Pick<FrameRecord, "bytes" | "startedAt" | "endedAt">): number | undefined {
  const ms = moved.endedAt - moved.startedAt;
  return ms > 0 ? moved.bytes / ms / 1000 : undefined;
}
