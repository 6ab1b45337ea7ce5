/**
 * Owns the loop schedule -> execute -> commit on the main thread.
 *
 *   E1  Only the loop schedules and commits; handles change the scheduler between these calls and wake the loop.
 *   E2  Events are delivered from a queue, never from within a call of a holder.
 *   E3  Once the engine has failed or is closing, every sequence has ended and submissions are refused.
 *   E4  Between two steps the main thread completes a turn of its event loop, however short the steps are.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  BatonError,
  type BlockId,
  contextOf,
  type SamplingParams,
  type SequenceId,
  systemClock,
} from "@baton/core";
import type { KvMemory, PrefixCache } from "@baton/kv-cache";
import type { SchedulerApi, SchedulerStatus, SequenceEvent, SequenceSpec } from "@baton/scheduler";
import type { EngineApi, EngineEvent, EngineRequest, SequenceHandle } from "./engine-api.ts";
import { EngineSequence, type SequenceHost } from "./engine-sequence.ts";
import type { AnswerConstraint } from "./grammar/compiled-grammar.ts";
import type { GrammarCache } from "./grammar/grammar-cache.ts";
import type { ModelInfo } from "./model-runner.ts";
import type { PlanExecutor } from "./plan-executor.ts";
import { SerialQueue } from "./serial-queue.ts";
import type { StepRecord } from "./step-record.ts";
import { assertInVocabulary } from "./token-range.ts";

type EngineState =
  | { readonly kind: "running" }
  | { readonly kind: "failed"; readonly error: BatonError }
  | { readonly kind: "closing"; readonly error: BatonError };

/** What an engine is made of. */
export interface EngineParts {
  readonly info: ModelInfo;
  readonly memory: KvMemory;
  readonly scheduler: SchedulerApi;
  readonly executor: PlanExecutor;
  /** Absent: no answer can be constrained. */
  readonly grammars?: GrammarCache | undefined;
  /** Told of every step that was executed; must not throw. */
  readonly onStep?: ((step: StepRecord) => void) | undefined;
}

/** Runs sequences until it is closed or its executor dies. */
export class Engine implements EngineApi {
  readonly info: ModelInfo;
  readonly #memory: KvMemory;
  readonly #scheduler: SchedulerApi;
  readonly #executor: PlanExecutor;
  readonly #grammars: GrammarCache | undefined;
  readonly #onStep: EngineParts["onStep"];
  /** Sequences that have not ended. */
  readonly #sequences = new Map<SequenceId, EngineSequence>();
  readonly #headerOf: StepRecord["headerOf"] = (id) => this.#sequences.get(id)?.externalTraceHeader;
  readonly #deliveries = new SerialQueue();
  readonly #host: SequenceHost;
  readonly #failed = Promise.withResolvers<BatonError>();
  readonly #stopped: Promise<void>;
  #state: EngineState = { kind: "running" };
  #wake = Promise.withResolvers<void>();

  constructor({ info, memory, scheduler, executor, grammars, onStep }: EngineParts) {
    this.info = info;
    this.#memory = memory;
    this.#scheduler = scheduler;
    this.#executor = executor;
    this.#grammars = grammars;
    this.#onStep = onStep;
    this.#host = {
      scheduler,
      vocabSize: info.vocabSize,
      emit: (events) => this.#emit(events),
      cancel: (id) => this.#cancel(id),
      wake: () => this.#wake.resolve(),
      forget: ({ id }) => this.#sequences.delete(id),
    };
    void executor.died.then((error) => this.#fail(error));
    this.#stopped = this.#run();
  }

  get failed(): Promise<BatonError> {
    return this.#failed.promise;
  }

  get prefixCache(): PrefixCache {
    return this.#scheduler.prefixCache;
  }

  blockBytes(block: BlockId): Uint8Array {
    return this.#memory.bytes(block);
  }

  submit(spec: EngineRequest, onEvent: (event: EngineEvent) => void): SequenceHandle {
    if (this.#state.kind !== "running") throw this.#state.error;
    assertInVocabulary(contextOf(spec), this.info.vocabSize);
    this.#scheduler.add(spec.constraint ? constrained(spec, spec.constraint) : spec);
    const sequence = new EngineSequence(spec, this.#host, onEvent);
    this.#sequences.set(spec.id, sequence);
    this.#wake.resolve();
    return sequence;
  }

  async constraint(sampling: SamplingParams, signal: AbortSignal): Promise<AnswerConstraint | undefined> {
    const { grammar, stopTokenIds } = sampling;
    if (grammar === undefined) return undefined;
    if (!this.#grammars) throw noVocabulary();
    return this.#grammars.constraint(grammar, stopTokenIds, signal);
  }

  status(): SchedulerStatus {
    return this.#scheduler.status();
  }

  async close(): Promise<void> {
    if (this.#state.kind === "running") {
      const error = new BatonError("unavailable", "Cannot run sequences: the engine is closing");
      this.#state = { kind: "closing", error };
      for (const sequence of [...this.#sequences.values()]) {
        sequence.cancel();
      }
    }
    this.#wake.resolve();
    await this.#stopped;
  }

  async #run(): Promise<void> {
    try {
      while (this.#state.kind === "running") await this.#step();
    } catch (error) {
      this.#fail(BatonError.from(error));
    }
    this.#grammars?.close();
    await this.#executor.close();
  }

  async #step(): Promise<void> {
    const next = this.#scheduler.schedule();
    if (!next) return this.#sleep();
    this.#emit(next.events);
    const { prefills, decodes } = next.plan;
    const startedAt = systemClock.now();
    const outcome = await this.#executor.execute(next.plan);
    const endedAt = systemClock.now();
    const { graphMs } = outcome;
    // A step that only saves serves no request.
    if (prefills.length + decodes.length > 0)
      this.#onStep?.({
        startedAt,
        endedAt,
        prefills: prefills.length,
        decodes: decodes.length,
        graphMs,
        plan: next.plan,
        outcome,
        headerOf: this.#headerOf,
      });
    this.#emit(this.#scheduler.commit(outcome));
    await nextTurn(); // E4
  }

  #cancel(id: SequenceId): void {
    this.#executor.stop(id);
    this.#scheduler.cancel(id);
    this.#wake.resolve();
  }

  #sleep(): Promise<void> {
    this.#wake = Promise.withResolvers();
    return this.#wake.promise;
  }

  #emit(events: readonly SequenceEvent[]): void {
    const at = systemClock.now();
    for (const event of events) this.#deliver({ ...event, at });
  }

  #deliver(event: EngineEvent): void {
    const sequence = this.#sequences.get(event.sequenceId);
    if (sequence) this.#deliveries.push(() => sequence.deliver(event));
  }

  /** Tells every sequence, then the engine's owner; what happened before is heard before. */
  #fail(error: BatonError): void {
    if (this.#state.kind !== "running") return;
    this.#state = { kind: "failed", error };
    this.#deliveries.drain();
    this.#scheduler.reset();
    const at = systemClock.now();
    for (const sequence of [...this.#sequences.values()]) {
      this.#deliver({ type: "failed", sequenceId: sequence.id, error, at });
      sequence.end(error);
    }
    this.#deliveries.drain();
    this.#failed.resolve(error);
    this.#wake.resolve();
  }
}

/** Steps need the channel alone; the grammar's text stays here. */
function constrained(spec: EngineRequest, { channel }: AnswerConstraint): SequenceSpec {
  const { grammar: _, ...sampling } = spec.sampling;
  return { ...spec, sampling, maskChannel: channel };
}

function noVocabulary(): BatonError {
  return new BatonError(
    "invalid_argument",
    "Cannot constrain the answer: this engine does not know the text of the model's tokens",
  );
}
