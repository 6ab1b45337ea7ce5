/**
 * The prefill leg of one request: compute the prompt, hand its KV over while it is being computed, answer when the
 * decode worker has it all.
 *
 *   L1  The room's outcome is the leg's outcome: the caller's cancel, the deadline, a failed engine and a lost peer
 *       all end the room, and nothing else does.
 *   L2  Blocks are given back only after the room has closed, because until then the socket may read from them.
 *   L3  The trace node ends exactly once, after everything below it.
 */
import { BatonError, contextOf, formatRoom, type SampledToken, sequenceId } from "@baton/core";
import type { EngineApi, EngineEvent, SequenceHandle } from "@baton/engine";
import type { KvServer, SendingRoom } from "@baton/kv-transfer";
import type { Metrics } from "@baton/metrics";
import type { PrefillCall, PrefillResult } from "@baton/rpc";
import type { RequestTracer, Stage } from "@baton/tracing";
import { LegFigures } from "@baton/worker";
import { PrefillTrace } from "./prefill-trace.ts";

/** What a prefill leg works with. */
export interface PrefillLegParts {
  readonly engine: EngineApi;
  readonly kvServer: KvServer;
  readonly metrics: Metrics;
  readonly tracer: RequestTracer;
}

export class PrefillLeg {
  readonly #call: PrefillCall;
  readonly #trace: PrefillTrace;
  readonly #figures: LegFigures;
  readonly #engine: EngineApi;
  readonly #kvServer: KvServer;
  /** Whether what crosses the KV connection is traced. */
  readonly #tracesKv: boolean;
  #cachedTokens = 0;
  #first: SampledToken | undefined;

  constructor(call: PrefillCall, trace: Stage, { engine, kvServer, metrics, tracer }: PrefillLegParts) {
    this.#call = call;
    this.#tracesKv = tracer.traces("kv_transfer");
    this.#trace = new PrefillTrace(trace, { room: formatRoom(call.room), attempt: call.attempt });
    this.#figures = new LegFigures(metrics, trace.header);
    this.#engine = engine;
    this.#kvServer = kvServer;
  }

  /** Runs the leg to its end; rejects with the BatonError that ended it. */
  async run(): Promise<PrefillResult> {
    try {
      const result = await this.#run();
      this.#trace.end(result);
      return { ...result, timings: this.#figures.succeeded(result.usage) };
    } catch (reason) {
      const error = BatonError.from(reason);
      this.#trace.fail(error);
      this.#figures.failed(error);
      throw error;
    }
  }

  async #run(): Promise<PrefillResult> {
    const { request, room, attempt, signal } = this.#call;
    signal.throwIfAborted();
    let sending: SendingRoom | undefined;
    if (request.sampling.grammar !== undefined) this.#trace.constraining();
    using constraint = await this.#engine.constraint(request.sampling, signal);
    this.#trace.submitted();
    const sequence: SequenceHandle = this.#engine.submit(
      {
        ...request,
        id: sequenceId(`${request.requestId}/prefill/${attempt}`),
        goal: "prefill",
        constraint,
        externalTraceHeader: this.#trace.header,
      },
      (event) => sending && this.#onEvent(event, sending),
    );
    try {
      sending = this.#kvServer.open({
        room,
        promptTokens: contextOf(request).length,
        block: (index) => this.#engine.blockBytes(sequence.blocks()[index]!),
        signal,
        onPeer: (peer, header) => {
          this.#trace.peer(peer, header);
          this.#figures.met();
        },
        onFrame: (frame) => this.#trace.frame(frame),
        onControl: this.#tracesKv ? (frame) => this.#trace.control(frame) : undefined,
      });
      const summary = await sending.done;
      this.#trace.transferred(summary);
      this.#figures.transferred(summary);
      return {
        usage: {
          promptTokens: request.promptTokenIds.length,
          cachedTokens: Math.min(this.#cachedTokens, request.promptTokenIds.length),
          completionTokens: 1,
        },
        firstTokenId: this.#first!.tokenId, // It travelled before the ACK.
        kvBytes: summary.bytes,
      };
    } finally {
      await sending?.closed;
      sequence.cancel();
    }
  }

  #onEvent(event: EngineEvent, room: SendingRoom): void {
    this.#figures.engineEvent(event);
    switch (event.type) {
      case "prefill-start":
        this.#cachedTokens = event.cachedTokens;
        this.#trace.forwardStarted(event);
        if (event.cachedTokens > 0) room.push(event.cachedTokens);
        break;
      case "prefill-chunk":
        this.#trace.chunk(event);
        room.push(event.start + event.count);
        break;
      case "token":
        this.#first = event;
        if (event.index === 0) this.#trace.firstToken();
        break;
      case "finished":
        this.#trace.forwardEnded(event.at);
        if (this.#first) room.finish({ ...this.#first, cachedTokens: this.#cachedTokens });
        break;
      case "failed":
        room.abort(event.error);
        break;
      case "decode-start": // A sequence of goal `prefill` never decodes.
        break;
    }
  }
}
