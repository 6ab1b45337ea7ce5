/**
 * The stages of a prefill leg. Bootstrap (waiting for the decode worker) and the computation run side by side:
 *
 *     prefill
 *     ├─ prefill_bootstrap          call → decode worker's HELLO accepted
 *     ├─ prefill_waiting            call → first chunk scheduled
 *     ├─ prefill_forward            first chunk scheduled → first token
 *     │  └─ chunked_prefill         one per chunk
 *     ├─ prefill_transfer_kv_cache  first KV ready and peer there → ACK
 *     │  └─ kv_send                 one per DATA frame
 *     └─ kv_connection              HELLO accepted → ACK, with the module kv_transfer
 *
 * prefill_transfer_kv_cache links to the decode leg whose HELLO asked for it.
 */
import type { BatonError, ExternalTraceHeader } from "@baton/core";
import type { EngineEvent } from "@baton/engine";
import type { ControlRecord, FrameRecord, KvPeer, TransferSummary } from "@baton/kv-transfer";
import type { PrefillResult } from "@baton/rpc";
import { ATTR, EVENT, LINK, SPAN, type Stage } from "@baton/tracing";
import { frameAttributes, kvSendKey, peerAttributes, transferAttributes } from "@baton/worker";

type EventOf<Type extends EngineEvent["type"]> = Extract<EngineEvent, { type: Type }>;

/** Which hand-over the leg is for. */
export interface HandoverIdentity {
  /** As the trace writes it. */
  readonly room: string;
  readonly attempt: number;
}

interface Peer extends KvPeer {
  /** Of the decode leg. */
  readonly header: ExternalTraceHeader | undefined;
}

export class PrefillTrace {
  readonly #leg: Stage;
  readonly #handover: HandoverIdentity;
  readonly #bootstrap: Stage;
  /** Before the computation: for the grammar, then in the queue. */
  #waiting: Stage | undefined;
  #forward: Stage | undefined;
  #transfer: Stage | undefined;
  #connection: Stage | undefined;
  #peer: Peer | undefined;
  #kvReady = false;

  constructor(leg: Stage, handover: HandoverIdentity) {
    this.#leg = leg;
    this.#handover = handover;
    this.#bootstrap = leg.stage(SPAN.prefillBootstrap);
  }

  /** What the engine is told. */
  get header(): ExternalTraceHeader | undefined {
    return this.#leg.header;
  }

  /** The grammar of the answer is asked for. */
  constraining(): void {
    this.#waiting = this.#leg.stage(SPAN.grammarCompile);
  }

  /** The engine has the prompt. */
  submitted(): void {
    this.#waiting?.end();
    this.#waiting = this.#leg.stage(SPAN.prefillWaiting);
  }

  peer(peer: KvPeer, header: ExternalTraceHeader | undefined): void {
    this.#peer = { ...peer, header };
    this.#bootstrap.end(peerAttributes(peer));
    this.#startTransferOnceBothReady();
  }

  forwardStarted(event: EventOf<"prefill-start">): void {
    this.#waiting?.end({}, event.at);
    const tokens = { [ATTR.cachedTokens]: event.cachedTokens };
    this.#forward = this.#leg.stage(SPAN.prefillForward, { startTime: event.at, attributes: tokens });
    this.#forward.event(event.cachedTokens > 0 ? EVENT.cacheHit : EVENT.cacheMiss, tokens);
    if (event.cachedTokens > 0) this.#kvBecameReady();
  }

  chunk(event: EventOf<"prefill-chunk">): void {
    this.#forward?.record(SPAN.chunkedPrefill, event.startedAt, event.endedAt, {
      attributes: { [ATTR.tokenStart]: event.start, [ATTR.tokenCount]: event.count },
    });
    this.#kvBecameReady();
  }

  firstToken(): void {
    this.#forward?.event(EVENT.firstToken);
  }

  forwardEnded(at: number): void {
    this.#forward?.end({}, at);
  }

  frame(frame: FrameRecord): void {
    const { room } = this.#handover;
    if (!this.#transfer) return;
    this.#transfer.record(SPAN.kvSend, frame.startedAt, frame.endedAt, {
      attributes: this.#transfer.wants(SPAN.kvSend) ? frameAttributes(room, frame) : {},
      key: kvSendKey(room, frame.start),
    });
  }

  control(frame: ControlRecord): void {
    this.#connection ??= this.#leg.stage(SPAN.kvConnection, { attributes: this.#handoverAttributes() });
    this.#connection.event(EVENT.kvFrame, {
      [ATTR.frameType]: frame.type,
      [ATTR.direction]: frame.direction,
    });
  }

  transferred(summary: TransferSummary): void {
    this.#transfer?.end(transferAttributes(summary));
    this.#connection?.end(transferAttributes(summary));
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
    const { header } = this.#peer;
    this.#transfer = this.#leg.stage(SPAN.prefillTransfer, {
      attributes: { ...this.#handoverAttributes(), ...peerAttributes(this.#peer) },
      ...(header && { links: [{ header, attributes: { [ATTR.link]: LINK.handover } }] }),
    });
  }

  #handoverAttributes() {
    return { [ATTR.bootstrapRoom]: this.#handover.room, [ATTR.attempt]: this.#handover.attempt };
  }
}
