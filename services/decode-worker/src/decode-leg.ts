/**
 * The decode leg of one request: get the prompt's KV (fetch it from the prefill worker, or compute it here), join the
 * running batch, stream the answer.
 *
 *   L1  The leg ends once: with the `finished` event, or with the first error. Either ends the stream of events.
 *   L2  The sequence is dropped on every way out, and not before the receiver has stopped writing into its blocks.
 *   L3  KV is decoded from only when all of it has arrived and was checked.
 *   L4  The trace node ends exactly once, after everything below it and before the stream ends.
 */
import {
  type AsyncQueue,
  BatonError,
  type BlockId,
  contextOf,
  formatRoom,
  type GenerationEvent,
  type SequenceId,
  sequenceId,
  type Usage,
  untilAborted,
} from "@baton/core";
import type { EngineApi, EngineEvent, SequenceHandle } from "@baton/engine";
import type { KvReceiver } from "@baton/kv-transfer";
import type { Metrics } from "@baton/metrics";
import type { GenerateCall } from "@baton/rpc";
import type { RequestTracer, Stage } from "@baton/tracing";
import { LegFigures, type StepTracer } from "@baton/worker";
import { DecodeTrace } from "./decode-trace.ts";

/** What a decode leg works with. */
export interface DecodeLegParts {
  readonly engine: EngineApi;
  readonly kvReceiver: KvReceiver;
  readonly metrics: Metrics;
  readonly tracer: RequestTracer;
  readonly steps: StepTracer;
  /** After how many tokens each the trace has an event. */
  readonly tokenInterval: number;
}

type Finished = Extract<EngineEvent, { type: "finished" }>;

export class DecodeLeg {
  readonly #call: GenerateCall;
  readonly #id: SequenceId;
  readonly #trace: DecodeTrace;
  readonly #figures: LegFigures;
  readonly #parts: DecodeLegParts;
  readonly #events: AsyncQueue<GenerationEvent>;
  readonly #finished = Promise.withResolvers<Finished>();
  #sequence: SequenceHandle | undefined;
  #cachedTokens = 0;
  /** Tokens that were written here. */
  #writtenTokens = 0;

  constructor(call: GenerateCall, trace: Stage, parts: DecodeLegParts, events: AsyncQueue<GenerationEvent>) {
    this.#call = call;
    this.#id = sequenceId(`${call.request.requestId}/decode/${call.attempt}`);
    this.#trace = new DecodeTrace(trace, {
      sequence: this.#id,
      steps: parts.steps,
      tokenInterval: parts.tokenInterval,
      room: call.handover && formatRoom(call.handover.room),
      attempt: call.attempt,
      promptTokens: call.request.promptTokenIds.length,
    });
    this.#figures = new LegFigures(parts.metrics, trace.header);
    this.#parts = parts;
    this.#events = events;
  }

  /** Runs the leg to its end, which the stream of events tells; never rejects. */
  async run(): Promise<void> {
    try {
      const { reason } = await this.#generate();
      const usage = this.#usage();
      this.#trace.end(reason, usage);
      const timings = this.#figures.succeeded({ ...usage, completionTokens: this.#writtenTokens });
      this.#events.push({ type: "end", reason, usage, timings });
      this.#events.end();
    } catch (reason) {
      const error = BatonError.from(reason);
      this.#trace.fail(error);
      this.#figures.failed(error);
      this.#events.fail(error);
    }
  }

  /** Ends the answer here, as finished: a stop string matched at the router. */
  stop(): void {
    this.#sequence?.finish("stop");
  }

  /** Of the whole answer, wherever it was written. */
  #usage(): Usage {
    const { promptTokenIds, answeredTokenIds = [] } = this.#call.request;
    return {
      promptTokens: promptTokenIds.length,
      cachedTokens: Math.min(this.#cachedTokens, promptTokenIds.length),
      completionTokens: answeredTokenIds.length + this.#writtenTokens,
    };
  }

  async #generate(): Promise<Finished> {
    const { request, handover, signal } = this.#call;
    signal.throwIfAborted();
    if (request.sampling.grammar !== undefined) this.#trace.constraining();
    using constraint = await this.#parts.engine.constraint(request.sampling, signal);
    this.#finished.promise.catch(() => {}); // Read below, but a failure may come while the KV is still arriving.
    const sequence = this.#parts.engine.submit(
      {
        ...request,
        id: this.#id,
        goal: handover ? "decode" : "generate",
        constraint,
        externalTraceHeader: this.#trace.header,
      },
      (event) => this.#onEvent(event),
    );
    this.#sequence = sequence;
    try {
      if (handover) await this.#fetch(sequence, handover);
      else this.#trace.computing();
      return await untilAborted(this.#finished.promise, signal);
    } finally {
      sequence.cancel();
    }
  }

  async #fetch(sequence: SequenceHandle, handover: NonNullable<GenerateCall["handover"]>): Promise<void> {
    const { request, signal } = this.#call;
    this.#trace.fetching();
    let blocks: readonly BlockId[] = [];
    const receiving = this.#parts.kvReceiver.receive({
      host: handover.host,
      port: handover.port,
      room: handover.room,
      promptTokens: contextOf(request).length,
      deadline: request.deadline,
      trace: this.#trace.header,
      reserve: async () => {
        blocks = await sequence.reserve(signal);
      },
      block: (index) => this.#parts.engine.blockBytes(blocks[index]!),
      signal,
      onAccepted: (peer) => {
        this.#trace.accepted(peer);
        this.#figures.met();
      },
      onFrame: (frame) => this.#trace.frame(frame),
      onControl: this.#parts.tracer.traces("kv_transfer") ? (frame) => this.#trace.control(frame) : undefined,
    });
    this.#finished.promise.catch((reason: unknown) => receiving.abort(BatonError.from(reason)));
    const { first, summary } = await receiving.done;
    this.#cachedTokens = first.cachedTokens;
    this.#trace.transferred(summary);
    this.#figures.transferred(summary);
    sequence.ready(first);
  }

  #onEvent(event: EngineEvent): void {
    this.#trace.engineEvent(event);
    this.#figures.engineEvent(event);
    switch (event.type) {
      case "prefill-start":
        this.#cachedTokens = event.cachedTokens;
        break;
      case "token":
        this.#writtenTokens += 1;
        this.#events.push({
          type: "tokens",
          tokenIds: [event.tokenId],
          ...(event.logprobs && { logprobs: [event.logprobs] }),
        });
        break;
      case "finished":
        this.#finished.resolve(event);
        break;
      case "failed":
        this.#finished.reject(event.error);
        break;
      case "prefill-chunk":
      case "decode-start":
        break;
    }
  }
}
