/**
 * Owns what the holder of one sequence may still do with it, and what it still hears.
 *
 *   Q1  Nothing is heard after `finished`, `failed` or `cancel`.
 *   Q2  Once ended, the handle does nothing: its id may belong to another sequence by then. A sequence of goal
 *       `prefill` ends by `release` or `cancel`, not by `finished`.
 */
import {
  BatonError,
  type BlockId,
  type ExternalTraceHeader,
  type FinishReason,
  type SampledToken,
  type SequenceId,
  untilAborted,
} from "@baton/core";
import type { SchedulerApi, SequenceEvent, SequenceSpec } from "@baton/scheduler";
import type { EngineEvent, EngineRequest, SequenceHandle } from "./engine-api.ts";
import type { AnswerConstraint } from "./grammar/compiled-grammar.ts";
import { assertInVocabulary } from "./token-range.ts";

/** What a sequence needs of its engine. */
export interface SequenceHost {
  readonly scheduler: SchedulerApi;
  readonly vocabSize: number;
  /** Events that followed at once from a call of the holder. */
  emit(events: readonly SequenceEvent[]): void;
  /** Nobody waits for the sequence any more. */
  cancel(id: SequenceId): void;
  /** There may be something to compute now. */
  wake(): void;
  /** The sequence ended. */
  forget(sequence: EngineSequence): void;
}

/** One sequence, as its holder and the engine see it. */
export class EngineSequence implements SequenceHandle {
  readonly id: SequenceId;
  readonly externalTraceHeader: ExternalTraceHeader | undefined;
  readonly #goal: SequenceSpec["goal"];
  readonly #constraint: AnswerConstraint | undefined;
  readonly #answered: readonly number[];
  readonly #host: SequenceHost;
  readonly #listener: (event: EngineEvent) => void;
  /** Aborted once the sequence ended (Q2). */
  readonly #ended = new AbortController();
  #hears = true;

  constructor(spec: EngineRequest, host: SequenceHost, listener: (event: EngineEvent) => void) {
    this.id = spec.id;
    this.externalTraceHeader = spec.externalTraceHeader;
    this.#goal = spec.goal;
    this.#constraint = spec.constraint;
    this.#answered = spec.answeredTokenIds ?? [];
    if (spec.goal !== "decode") this.#constraint?.begin(this.#answered);
    this.#host = host;
    this.#listener = listener;
  }

  async reserve(signal: AbortSignal): Promise<readonly BlockId[]> {
    const granted = Promise.withResolvers<readonly BlockId[]>();
    if (this.#active) this.#host.scheduler.reserve(this.id, granted.resolve);
    return untilAborted(granted.promise, AbortSignal.any([signal, this.#ended.signal]));
  }

  ready(first: SampledToken): void {
    if (!this.#active) return;
    assertInVocabulary([first.tokenId], this.#host.vocabSize);
    this.#constraint?.begin([...this.#answered, first.tokenId]);
    this.#host.emit(this.#host.scheduler.ready(this.id, first));
    this.#host.wake();
  }

  blocks(): readonly BlockId[] {
    return (this.#active && this.#host.scheduler.blocksOf(this.id)) || [];
  }

  finish(reason: FinishReason): void {
    if (!this.#active) return;
    this.#host.emit(this.#host.scheduler.finish(this.id, reason));
    this.#host.wake();
  }

  cancel(): void {
    if (!this.#active) return;
    this.#hears = false;
    this.end(new BatonError("canceled", `Cannot go on with sequence "${this.id}": its holder dropped it`));
    this.#host.cancel(this.id);
  }

  release(): void {
    // Blocks that are held and blocks that are being filled go back by the same way.
    if (this.#goal === "prefill") this.cancel();
  }

  /** Tells the holder, unless it must not hear any more (Q1). */
  deliver(event: EngineEvent): void {
    if (!this.#hears) return;
    if (event.type === "finished" || event.type === "failed") this.#hears = false;
    if (event.type === "finished" && this.#goal !== "prefill") {
      this.end(new BatonError("canceled", `Cannot go on with sequence "${this.id}": it has finished`));
    }
    if (event.type === "failed" && this.#active) this.end(event.error);
    this.#listener(event);
  }

  /** Ends the sequence (Q2); a reservation that is still waiting is refused with the reason. */
  end(reason: BatonError): void {
    this.#ended.abort(reason);
    this.#host.forget(this);
  }

  get #active(): boolean {
    return !this.#ended.signal.aborted;
  }
}
