/**
 * The stages of a prefill leg. Bootstrap (waiting for the decode worker) and the computation run side by side:
 *
 *     prefill
 *     ├─ prefill_bootstrap          call → decode worker's HELLO accepted
 *     ├─ prefill_waiting            call → first chunk scheduled
 *     ├─ prefill_forward            first chunk scheduled → first token
 *     │  └─ chunked_prefill         one per chunk
 *     └─ prefill_transfer_kv_cache  first KV ready and peer there → ACK
 *        └─ kv_send                 one per DATA frame
 */
import type { BatonError } from "@baton/core";
import type { EngineEvent } from "@baton/engine";
import type { FrameRecord, KvPeer, TransferSummary } from "@baton/kv-transfer";
import type { PrefillResult } from "@baton/rpc";
import { ATTR, SPAN, type Stage } from "@baton/tracing";

type EventOf<Type extends EngineEvent["type"]> = Extract<EngineEvent, { type: Type }>;

export class PrefillTrace {
  readonly #leg: Stage;
  readonly #bootstrap: Stage;
  readonly #waiting: Stage;
  #forward: Stage | undefined;
  #transfer: Stage | undefined;
  #peer: KvPeer | undefined;
  #kvReady = false;

  constructor(leg: Stage) {
    this.#leg = leg;
    this.#bootstrap = leg.stage(SPAN.prefillBootstrap);
    this.#waiting = leg.stage(SPAN.prefillWaiting);
  }

  peer(peer: KvPeer): void {
    this.#peer = peer;
    this.#bootstrap.end({ [ATTR.peerWorkerId]: peer.workerId, [ATTR.peerAddress]: peer.address });
    this.#startTransferOnceBothReady();
  }

  forwardStarted(event: EventOf<"prefill-start">): void {
    this.#waiting.end({}, event.at);
    this.#forward = this.#leg.stage(SPAN.prefillForward, {
      startTime: event.at,
      attributes: { [ATTR.cachedTokens]: event.cachedTokens },
    });
    if (event.cachedTokens > 0) this.#kvBecameReady();
  }

  chunk(event: EventOf<"prefill-chunk">): void {
    this.#forward?.record(SPAN.chunkedPrefill, event.startedAt, event.endedAt, {
      attributes: { [ATTR.tokenStart]: event.start, [ATTR.tokenCount]: event.count },
    });
    this.#kvBecameReady();
  }

  forwardEnded(at: number): void {
    this.#forward?.end({}, at);
  }

  frame(frame: FrameRecord): void {
    this.#transfer?.record(SPAN.kvSend, frame.startedAt, frame.endedAt, {
      attributes: {
        [ATTR.tokenStart]: frame.start,
        [ATTR.tokenCount]: frame.count,
        [ATTR.kvBytes]: frame.bytes,
      },
    });
  }

  transferred(summary: TransferSummary): void {
    this.#transfer?.end({
      [ATTR.kvBytes]: summary.bytes,
      [ATTR.kvFrames]: summary.frames,
      [ATTR.kvTokens]: summary.tokens,
    });
  }

  end(result: PrefillResult): void {
    this.#leg.end({ [ATTR.cachedTokens]: result.usage.cachedTokens, [ATTR.kvBytes]: result.kvBytes });
  }

  fail(error: BatonError): void {
    this.#leg.fail(error);
  }

  #kvBecameReady(): void {
    this.#kvReady = true;
    this.#startTransferOnceBothReady();
  }

  #startTransferOnceBothReady(): void {
    if (!this.#peer || !this.#kvReady || this.#transfer) return;
    this.#transfer = this.#leg.stage(SPAN.prefillTransfer, {
      attributes: { [ATTR.peerWorkerId]: this.#peer.workerId, [ATTR.peerAddress]: this.#peer.address },
    });
  }
}
