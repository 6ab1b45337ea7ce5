/**
 * A worker in simulated time: the real scheduler with its block pool, prefix cache and cache events; steps take what the
 * mock engine's timing model says of the trace's tokens.
 */
import { type SampledToken, type SequenceId, sequenceId, type WorkerRecord, workerId } from "@baton/core";
import { decodeMs, mockLayout, prefillMs } from "@baton/engine";
import { KvEventLog } from "@baton/kv-cache";
import { blockNamesFromBytes, type KvUpdate } from "@baton/routing";
import {
  createScheduler,
  type SchedulerApi,
  type SequenceEvent,
  type StepOutcome,
  type StepPlan,
} from "@baton/scheduler";
import type { EventClock } from "./event-clock.ts";
import { BLOCK_TOKENS, TOKENS_PER_TOKEN, type TraceRequest } from "./mooncake-trace.ts";

/** Tokens of a prompt computed in one step: Dynamo's mocker has the same bound. */
const CHUNK_TRACE_TOKENS = 8192;
/** Of one decode batch, as in Dynamo's mocker. */
const MAX_RUNNING = 256;
/** What a worker tells of its cache reaches the router so much later: collected for 5 ms, and sent. */
const EVENT_DELAY_MS = 6;
/** What counts as a full KV memory to the timing of decode steps: 16,384 blocks of 64, as in Dynamo's mocker. */
const NOMINAL_KV_TOKENS = 16_384 * 64;
/** Slots are as long as the longest prompt needs; here they are never the limit. */
const BATCH_TOKENS = 2 ** 28;

const TOKEN: SampledToken = { tokenId: 1 };

export interface SimWorkerOptions {
  readonly name: string;
  readonly role: "prefill" | "decode";
  readonly clock: EventClock;
  /** Blocks of `TRACE_BLOCK_TOKENS`. */
  readonly kvBlocks: number;
  /** What a simulated token stands for when time is told. */
  readonly tokenScale: number;
  readonly onEvent: (event: SequenceEvent) => void;
  readonly onCache: (worker: WorkerRecord, update: KvUpdate) => void;
}

export class SimWorker {
  readonly record: WorkerRecord;
  readonly scheduler: SchedulerApi;
  readonly #clock: EventClock;
  readonly #onEvent: SimWorkerOptions["onEvent"];
  /** Trace tokens of each prompt beyond its simulated ones. */
  readonly #extraTokens = new Map<SequenceId, number>();
  readonly #tokenScale: number;
  #busy = false;
  /** Trace tokens of prompts that were computed, and tokens of answers that were written. */
  computedTokens = 0;
  writtenTokens = 0;

  constructor({ name, role, clock, kvBlocks, tokenScale, onEvent, onCache }: SimWorkerOptions) {
    this.#tokenScale = tokenScale;
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.record = workerRecord(name, role, kvBlocks, BLOCK_TOKENS * tokenScale);
    const chunkTokens = CHUNK_TRACE_TOKENS / TOKENS_PER_TOKEN;
    const limits = {
      chunkTokens,
      stepPrefillTokens: chunkTokens,
      maxRunning: MAX_RUNNING,
      batchTokens: BATCH_TOKENS,
      pageTokens: 128,
      loadTokens: 512,
      maxSequences: 1_000_000,
      maxModelTokens: 1_000_000,
    };
    this.scheduler = createScheduler(limits, { blocks: kvBlocks, blockSize: BLOCK_TOKENS });
    this.#report(onCache);
  }

  /** To be called after every change of the scheduler from outside. */
  wake(): void {
    if (this.#busy) return;
    const next = this.scheduler.schedule();
    if (!next) return;
    this.#busy = true;
    for (const event of next.events) this.#onEvent(event);
    const startedAt = this.#clock.now();
    this.#clock.after(this.#duration(next.plan), () => {
      this.#busy = false;
      const events = this.scheduler.commit(outcomeOf(next.plan, startedAt, this.#clock.now()));
      for (const event of events) this.#onEvent(event);
      this.wake();
    });
  }

  /** Remembers how long the prompt really is. */
  expect(id: SequenceId, { inputTokens, promptTokenIds }: TraceRequest): void {
    this.#extraTokens.set(id, inputTokens - promptTokenIds.length);
  }

  forget(id: SequenceId): void {
    this.#extraTokens.delete(id);
  }

  #duration({ prefills, decodes }: StepPlan): number {
    const prompt = prefills.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0) * this.#tokenScale;
    this.computedTokens += prompt;
    this.writtenTokens += decodes.length;
    if (decodes.length === 0) return prefillMs(prompt);
    let context = 0;
    for (const { sequenceId: id, position } of decodes) context += position + 1 + this.#extraTokens.get(id)!;
    return prefillMs(prompt) + decodeMs(Math.min(1, context / NOMINAL_KV_TOKENS));
  }

  #report(onCache: SimWorkerOptions["onCache"]): void {
    const none = blockNamesFromBytes(new Uint8Array());
    onCache(this.record, { kind: "snapshot", number: 0, blocks: none, final: true });
    const log = new KvEventLog(() => {
      this.#clock.after(EVENT_DELAY_MS, () => {
        const batch = log.take();
        for (const [index, event] of (batch?.events ?? []).entries()) {
          const number = batch!.firstNumber + index;
          if (event.kind === "cleared") onCache(this.record, { kind: "cleared", number });
          else onCache(this.record, { kind: event.kind, number, blocks: blockNamesFromBytes(event.blocks) });
        }
      });
    });
    this.scheduler.prefixCache.observe(log);
  }
}

function outcomeOf({ stepId, prefills, decodes }: StepPlan, startedAt: number, endedAt: number): StepOutcome {
  const times = { startedAt, endedAt };
  return {
    stepId,
    prefills: prefills.map(({ sample }) => (sample ? { token: TOKEN, ...times } : times)),
    decodes: decodes.map(() => TOKEN),
    decodeStartedAt: startedAt,
    decodeEndedAt: endedAt,
    graphMs: endedAt - startedAt,
  };
}

function workerRecord(
  name: string,
  role: WorkerRecord["role"],
  kvBlocks: number,
  blockSize: number,
): WorkerRecord {
  return {
    id: workerId(name),
    epoch: "simulated",
    role,
    state: "serving",
    grpcAddress: "127.0.0.1:1",
    model: SIM_MODEL,
    // What routing divides prompts by, whose lengths it is told in the trace's tokens.
    layout: mockLayout("simulated", blockSize),
    capacity: { kvBlocks, maxRunning: MAX_RUNNING, maxModelTokens: 1_000_000 },
  };
}

export const SIM_MODEL = "simulated";

/** The id of a request's sequence on either worker. */
export function simSequence(index: number): SequenceId {
  return sequenceId(`${index}`);
}
