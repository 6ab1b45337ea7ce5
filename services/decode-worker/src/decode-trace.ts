/**
 * The stages of a decode leg, one after the other:
 *
 *     decode
 *     ├─ decode_bootstrap     call → HELLO accepted by the prefill worker
 *     ├─ decode_transferred   HELLO accepted → KV complete
 *     │  └─ kv_recv           one per DATA frame
 *     ├─ decode_waiting       KV complete → slot in the batch
 *     └─ decode_forward       slot in the batch → last token
 *
 * `quick_finish` stands for the last two when the first token ends the answer. A worker that computes the prompt itself
 * has `prefill_waiting` and `prefill_forward` (with `chunked_prefill`) in place of the first two.
 */
import {
  assertNever,
  type BatonError,
  type ExternalTraceHeader,
  type FinishReason,
  type Usage,
} from "@baton/core";
import type { EngineEvent } from "@baton/engine";
import type { FrameRecord, KvPeer, TransferSummary } from "@baton/kv-transfer";
import { ATTR, SPAN, type Stage, type StageOptions } from "@baton/tracing";

export class DecodeTrace {
  readonly #leg: Stage;
  /** The stage that the leg is in: the stages follow one another, so one is enough. */
  #current: Stage | undefined;
  #waitingSince: number | undefined;

  constructor(leg: Stage) {
    this.#leg = leg;
  }

  /** What the KV connection carries. */
  get header(): ExternalTraceHeader | undefined {
    return this.#leg.header;
  }

  /** The KV is to be fetched. */
  fetching(): void {
    this.#enter(SPAN.decodeBootstrap);
  }

  /** The prompt is to be computed here. */
  computing(): void {
    this.#enter(SPAN.prefillWaiting);
  }

  accepted(peer: KvPeer): void {
    const attributes = { [ATTR.peerWorkerId]: peer.workerId, [ATTR.peerAddress]: peer.address };
    this.#enter(SPAN.decodeTransferred, { attributes });
  }

  frame(frame: FrameRecord): void {
    this.#current?.record(SPAN.kvRecv, frame.startedAt, frame.endedAt, {
      attributes: {
        [ATTR.tokenStart]: frame.start,
        [ATTR.tokenCount]: frame.count,
        [ATTR.kvBytes]: frame.bytes,
      },
    });
  }

  /** All KV is here; the sequence waits for a slot. */
  transferred(summary: TransferSummary): void {
    this.#current?.setAttributes({
      [ATTR.kvBytes]: summary.bytes,
      [ATTR.kvFrames]: summary.frames,
      [ATTR.kvTokens]: summary.tokens,
    });
    this.#wait(summary.endedAt);
  }

  engineEvent(event: EngineEvent): void {
    switch (event.type) {
      case "prefill-start":
        this.#enter(SPAN.prefillForward, {
          startTime: event.at,
          attributes: { [ATTR.cachedTokens]: event.cachedTokens },
        });
        break;
      case "prefill-chunk":
        this.#current?.record(SPAN.chunkedPrefill, event.startedAt, event.endedAt, {
          attributes: { [ATTR.tokenStart]: event.start, [ATTR.tokenCount]: event.count },
        });
        break;
      case "token":
        if (event.index === 0 && this.#waitingSince === undefined) this.#wait(event.at);
        break;
      case "decode-start":
        this.#endWaiting(SPAN.decodeWaiting, event.at);
        this.#enter(SPAN.decodeForward, { startTime: event.at });
        break;
      case "finished":
        this.#endWaiting(SPAN.quickFinish, event.at);
        break;
      case "failed":
        break;
      default:
        assertNever(event);
    }
  }

  end(reason: FinishReason, usage: Usage): void {
    this.#current?.end();
    this.#leg.end({
      [ATTR.finishReason]: reason,
      [ATTR.cachedTokens]: usage.cachedTokens,
      [ATTR.completionTokens]: usage.completionTokens,
    });
  }

  fail(error: BatonError): void {
    if (this.#waitingSince !== undefined)
      this.#leg.stage(SPAN.decodeWaiting, { startTime: this.#waitingSince });
    this.#leg.fail(error);
  }

  #enter(name: string, options: StageOptions = {}): void {
    this.#current?.end({}, options.startTime);
    this.#current = this.#leg.stage(name, options);
  }

  /** What the wait turns out to have been is known only at its end: for a slot, or for nothing. */
  #wait(since: number): void {
    this.#current?.end({}, since);
    this.#current = undefined;
    this.#waitingSince = since;
  }

  #endWaiting(name: string, at: number): void {
    if (this.#waitingSince === undefined) return;
    this.#leg.record(name, this.#waitingSince, at);
    this.#waitingSince = undefined;
  }
}
