/**
 * The stages of a decode leg, one after the other:
 *
 *     decode
 *     ├─ decode_bootstrap     call → HELLO accepted by the prefill worker
 *     ├─ decode_transferred   HELLO accepted → KV complete
 *     │  └─ kv_recv           one per DATA frame
 *     ├─ decode_waiting       KV complete → slot in the batch
 *     ├─ decode_forward       slot in the batch → last token
 *     │  └─ decode_loop       one per step
 *     └─ kv_connection        HELLO sent → KV complete, with the module kv_transfer
 *
 * `quick_finish` stands for decode_waiting and decode_forward when the first token ends the answer. A worker that
 * computes the prompt itself has `prefill_waiting` and `prefill_forward` (with `chunked_prefill`) in place of the first
 * two. decode_transferred links to the prefill leg of its room, each kv_recv to the kv_send at the other end.
 */
import {
  assertNever,
  type BatonError,
  type ExternalTraceHeader,
  type FinishReason,
  type SequenceId,
  type Usage,
} from "@baton/core";
import type { EngineEvent } from "@baton/engine";
import type { ControlRecord, FrameRecord, KvPeer, TransferSummary } from "@baton/kv-transfer";
import { ATTR, EVENT, LINK, SPAN, type Stage, type StageOptions } from "@baton/tracing";
import {
  frameAttributes,
  kvSendKey,
  peerAttributes,
  prefillKey,
  type StepTracer,
  transferAttributes,
} from "@baton/worker";

/** What a leg is, besides its place in the trace. */
export interface DecodeIdentity {
  readonly sequence: SequenceId;
  readonly steps: StepTracer;
  /** After how many tokens each there is an event. */
  readonly tokenInterval: number;
  /** Of the hand-over, as the trace writes it; undefined where there is none. */
  readonly room: string | undefined;
  readonly attempt: number;
  readonly promptTokens: number;
}

const HANDOVER = { [ATTR.link]: LINK.handover };

export class DecodeTrace {
  readonly #leg: Stage;
  readonly #identity: DecodeIdentity;
  /** The stage that the leg is in: the stages follow one another, so one is enough. */
  #current: Stage | undefined;
  #connection: Stage | undefined;
  #waitingSince: number | undefined;
  #hasToken = false;

  constructor(leg: Stage, identity: DecodeIdentity) {
    this.#leg = leg;
    this.#identity = identity;
  }

  /** What the KV connection carries, and the engine is told. */
  get header(): ExternalTraceHeader | undefined {
    return this.#leg.header;
  }

  /** The grammar of the answer is asked for. */
  constraining(): void {
    this.#enter(SPAN.grammarCompile);
  }

  /** The KV is to be fetched. */
  fetching(): void {
    this.#enter(SPAN.decodeBootstrap, { attributes: this.#handoverAttributes() });
  }

  /** The prompt is to be computed here. */
  computing(): void {
    this.#enter(SPAN.prefillWaiting);
  }

  accepted(peer: KvPeer): void {
    const { room } = this.#identity;
    this.#enter(SPAN.decodeTransferred, {
      attributes: { ...this.#handoverAttributes(), ...peerAttributes(peer) },
      ...(room !== undefined && { links: [{ key: prefillKey(room), attributes: HANDOVER }] }),
    });
  }

  frame(frame: FrameRecord): void {
    const { room = "" } = this.#identity;
    if (!this.#current?.wants(SPAN.kvRecv)) return;
    this.#current.record(SPAN.kvRecv, frame.startedAt, frame.endedAt, {
      attributes: frameAttributes(room, frame),
      links: [{ key: kvSendKey(room, frame.start), attributes: HANDOVER }],
    });
  }

  control(frame: ControlRecord): void {
    this.#connection ??= this.#leg.stage(SPAN.kvConnection, { attributes: this.#handoverAttributes() });
    this.#connection.event(EVENT.kvFrame, {
      [ATTR.frameType]: frame.type,
      [ATTR.direction]: frame.direction,
    });
  }

  /** All KV is here; the sequence waits for a slot. */
  transferred(summary: TransferSummary): void {
    this.#current?.setAttributes(transferAttributes(summary));
    this.#connection?.end(transferAttributes(summary));
    this.#wait(summary.endedAt);
  }

  engineEvent(event: EngineEvent): void {
    switch (event.type) {
      case "prefill-start":
        this.#startForward(event);
        break;
      case "prefill-chunk":
        this.#current?.record(SPAN.chunkedPrefill, event.startedAt, event.endedAt, {
          attributes: { [ATTR.tokenStart]: event.start, [ATTR.tokenCount]: event.count },
        });
        break;
      case "token":
        this.#token(event);
        break;
      case "decode-start":
        this.#endWaiting(SPAN.decodeWaiting, event.at);
        this.#enter(SPAN.decodeForward, { startTime: event.at });
        this.#followSteps();
        break;
      case "finished":
        this.#endWaiting(SPAN.quickFinish, event.at);
        break;
      case "retracted":
      case "resumed":
        // Still decoding, as the client sees it; the gap between two tokens has a reason that a reader can find.
        this.#current?.event(EVENT[event.type]);
        break;
      case "failed":
        break;
      default:
        assertNever(event);
    }
  }

  end(reason: FinishReason, usage: Usage): void {
    this.#identity.steps.forget(this.#identity.sequence);
    this.#current?.end();
    this.#leg.end({
      [ATTR.finishReason]: reason,
      [ATTR.cachedTokens]: usage.cachedTokens,
      [ATTR.completionTokens]: usage.completionTokens,
    });
  }

  fail(error: BatonError): void {
    this.#identity.steps.forget(this.#identity.sequence);
    if (this.#waitingSince !== undefined)
      this.#leg.stage(SPAN.decodeWaiting, { startTime: this.#waitingSince });
    this.#leg.fail(error);
  }

  #startForward({ at, cachedTokens }: Extract<EngineEvent, { type: "prefill-start" }>): void {
    const attributes = { [ATTR.cachedTokens]: cachedTokens };
    this.#enter(SPAN.prefillForward, { startTime: at, attributes });
    this.#current?.event(cachedTokens > 0 ? EVENT.cacheHit : EVENT.cacheMiss, attributes);
  }

  #token({ index, at }: Extract<EngineEvent, { type: "token" }>): void {
    const attributes = { [ATTR.tokenIndex]: index };
    if (index === 0) this.#leg.event(EVENT.firstToken);
    else if (index % this.#identity.tokenInterval === 0) this.#leg.event(EVENT.tokens, attributes);
    if (!this.#hasToken && this.#waitingSince === undefined) this.#wait(at);
    this.#hasToken = true;
  }

  #followSteps(): void {
    const { steps, sequence, promptTokens } = this.#identity;
    if (this.#current) steps.follow(sequence, this.#current, promptTokens);
  }

  #handoverAttributes() {
    return { [ATTR.bootstrapRoom]: this.#identity.room, [ATTR.attempt]: this.#identity.attempt };
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
