/**
 * A cluster in simulated time: the real routing package decides, with the real index fed by the workers' cache events
 * and the real ledger; workers have the real scheduler. Everything else takes no time: HTTP, gRPC, the transfer of KV.
 */
import { NEUTRAL_SAMPLING, type SequenceId } from "@baton/core";
import {
  createRoutePlanner,
  DEFAULT_DISAGGREGATION_BOUNDS,
  decideDisaggregation,
  KvIndex,
  LoadLedger,
  type PolicyName,
  type Reservation,
  type Selection,
} from "@baton/routing";
import type { SequenceEvent } from "@baton/scheduler";
import { randomFrom } from "../../support/random.ts";
import { EventClock } from "./event-clock.ts";
import { Distribution, imbalance, type ServiceLevel } from "./figures.ts";
import { BLOCK_TOKENS, TOKENS_PER_TOKEN, TRACE_BLOCK_TOKENS, type TraceRequest } from "./mooncake-trace.ts";
import { SIM_MODEL, SimWorker, simSequence } from "./sim-worker.ts";

export interface SimOptions {
  readonly policy: PolicyName;
  readonly prefillWorkers: number;
  readonly decodeWorkers: number;
  /** The trace's time passes so many times faster; the workers' does not. */
  readonly pace: number;
  /** Blocks of 512 tokens on each worker. */
  readonly kvBlocks: number;
  readonly serviceLevel: ServiceLevel;
  /** What a simulated token stands for when time is told; `TOKENS_PER_TOKEN` unless the requests are `shrunk`. */
  readonly tokenScale?: number;
}

export interface SimReport {
  /** Blocks of prompts found in a prefill worker's cache, of all blocks of the trace. */
  readonly hitRate: number;
  readonly firstTokenMs: Distribution;
  readonly betweenTokensMs: Distribution;
  /** Good answers per second of the run. */
  readonly goodput: number;
  /** Share of the answers that are good. */
  readonly goodShare: number;
  /** Prompt tokens computed by the busiest prefill worker, over the mean. */
  readonly prefillImbalance: number;
  /** Tokens written by the busiest decode worker, over the mean. */
  readonly decodeImbalance: number;
  readonly seconds: number;
}

/** A request on its way. */
interface Running {
  readonly request: TraceRequest;
  readonly arrivedAt: number;
  readonly prefill: SimWorker;
  readonly decode: SimWorker;
  readonly prefillLoad: Reservation;
  readonly decodeLoad: Reservation;
  hasBlocks: boolean;
  isComputed: boolean;
  firstTokenAt: number;
  lastTokenAt: number;
}

/** Plays a trace to its end. */
export function simulate(requests: readonly TraceRequest[], options: SimOptions): SimReport {
  return new SimCluster(requests, options).run();
}

class SimCluster {
  readonly #requests: readonly TraceRequest[];
  readonly #options: SimOptions;
  readonly #clock = new EventClock();
  readonly #index = new KvIndex();
  readonly #ledger = new LoadLedger();
  readonly #planner;
  readonly #workers: ReadonlyMap<string, SimWorker>;
  readonly #running = new Map<SequenceId, Running>();
  readonly #firstTokenMs = new Distribution();
  readonly #betweenTokensMs = new Distribution();
  #hitBlocks = 0;
  #good = 0;

  constructor(requests: readonly TraceRequest[], options: SimOptions) {
    this.#requests = requests;
    this.#options = options;
    const { policy } = options;
    this.#planner = createRoutePlanner({
      random: randomFrom(1),
      prefillPolicy: policy,
      decodePolicy: policy,
    });
    const names = [
      ...Array.from({ length: options.prefillWorkers }, (_, i) => ["prefill", i] as const),
      ...Array.from({ length: options.decodeWorkers }, (_, i) => ["decode", i] as const),
    ];
    this.#index.setWorkers(names.map(([role, i]) => ({ id: `${role}-${i}` as never, epoch: "simulated" })));
    this.#workers = new Map(names.map(([role, i]) => [`${role}-${i}`, this.#worker(role, `${role}-${i}`)]));
  }

  run(): SimReport {
    for (const [index, request] of this.#requests.entries()) {
      this.#clock.at(request.arrivalMs / this.#options.pace, () => this.#arrive(index, request));
    }
    this.#clock.run();
    const workers = [...this.#workers.values()];
    const blocks = this.#requests.reduce((sum, { hashIds }) => sum + hashIds.length, 0);
    const seconds = this.#clock.now() / 1000;
    return {
      hitRate: this.#hitBlocks / blocks,
      firstTokenMs: this.#firstTokenMs,
      betweenTokensMs: this.#betweenTokensMs,
      goodput: this.#good / seconds,
      goodShare: this.#good / this.#requests.length,
      prefillImbalance: imbalance(workers.filter(isPrefill).map(({ computedTokens }) => computedTokens)),
      decodeImbalance: imbalance(workers.filter((one) => !isPrefill(one)).map((one) => one.writtenTokens)),
      seconds,
    };
  }

  #worker(role: "prefill" | "decode", name: string): SimWorker {
    return new SimWorker({
      name,
      role,
      clock: this.#clock,
      kvBlocks: this.#options.kvBlocks,
      tokenScale: this.#options.tokenScale ?? TOKENS_PER_TOKEN,
      onEvent: (event) => (role === "prefill" ? this.#onPrefill(event) : this.#onDecode(event)),
      onCache: (worker, update) => this.#index.apply(worker, update),
    });
  }

  /** As the router's plan does, in the mode `always`. */
  #arrive(index: number, request: TraceRequest): void {
    const now = this.#clock.now();
    const { blocks, inputTokens: promptTokens } = request;
    const view = this.#ledger.view([...this.#workers.values()].map(({ record }) => record));
    const wanted = {
      model: SIM_MODEL,
      promptTokens,
      blocks,
      overlap: this.#index.find(blocks, now),
      avoid: new Set<never>(),
      affinityKey: affinityKey(request),
      now,
    };
    const prefill = this.#planner.select("prefill", wanted, view);
    const decode = this.#planner.select("decode", wanted, view);
    const bounds = DEFAULT_DISAGGREGATION_BOUNDS;
    const { reserve } = decideDisaggregation({ mode: "always", bounds, promptTokens, prefill, decode });
    this.#index.routed(prefill.chosen.worker.record, blocks, now);
    this.#start(simSequence(index), {
      request,
      arrivedAt: now,
      prefill: this.#chosen(prefill),
      decode: this.#chosen(decode),
      prefillLoad: this.#ledger.reserve(prefill.chosen.worker.record, reserve.prefill!),
      decodeLoad: this.#ledger.reserve(decode.chosen.worker.record, reserve.decode),
      hasBlocks: false,
      isComputed: false,
      firstTokenAt: 0,
      lastTokenAt: 0,
    });
  }

  #chosen({ chosen }: Selection): SimWorker {
    return this.#workers.get(chosen.worker.record.id)!;
  }

  #start(id: SequenceId, running: Running): void {
    const { request, prefill, decode } = running;
    this.#running.set(id, running);
    const { promptTokenIds } = request;
    const sampling = { ...NEUTRAL_SAMPLING, maxTokens: request.outputTokens };
    decode.expect(id, request);
    decode.scheduler.add({ id, promptTokenIds, sampling, goal: "decode" });
    decode.scheduler.reserve(id, () => {
      running.hasBlocks = true;
      this.#handOver(id, running);
    });
    prefill.scheduler.add({ id, promptTokenIds, sampling, goal: "prefill" });
    prefill.wake();
  }

  #onPrefill(event: SequenceEvent): void {
    if (event.type === "prefill-start") this.#hitBlocks += event.cachedTokens / BLOCK_TOKENS;
    if (event.type !== "finished") return;
    const running = this.#running.get(event.sequenceId)!;
    running.isComputed = true;
    this.#handOver(event.sequenceId, running);
  }

  /** Once the prompt is computed and has somewhere to go, which takes no time. Later, as callbacks may not call back. */
  #handOver(id: SequenceId, running: Running): void {
    if (!running.hasBlocks || !running.isComputed) return;
    this.#clock.after(0, () => {
      const { prefill, decode } = running;
      running.prefillLoad.release();
      for (const event of decode.scheduler.ready(id, { tokenId: 1 })) this.#onDecode(event);
      prefill.scheduler.release(id);
      prefill.wake();
      decode.wake();
    });
  }

  #onDecode(event: SequenceEvent): void {
    const running = this.#running.get(event.sequenceId);
    if (!running) return;
    const now = this.#clock.now();
    if (event.type === "token") {
      if (event.index === 0) this.#firstTokenMs.add(now - running.arrivedAt);
      else this.#betweenTokensMs.add(now - running.lastTokenAt);
      if (event.index === 0) running.firstTokenAt = now;
      if (event.index > 0 && event.index % TRACE_BLOCK_TOKENS === 0) running.decodeLoad.grow(1);
      running.lastTokenAt = now;
    }
    if (event.type === "finished") this.#finish(event.sequenceId, running);
  }

  #finish(
    id: SequenceId,
    { request, arrivedAt, decode, decodeLoad, firstTokenAt, lastTokenAt }: Running,
  ): void {
    const { firstTokenMs, perTokenMs } = this.#options.serviceLevel;
    const perToken = (lastTokenAt - firstTokenAt) / Math.max(1, request.outputTokens - 1);
    if (firstTokenAt - arrivedAt <= firstTokenMs && perToken <= perTokenMs) this.#good += 1;
    decodeLoad.release();
    decode.forget(id);
    this.#running.delete(id);
  }
}

function isPrefill({ record }: SimWorker): boolean {
  return record.role === "prefill";
}

/** Who asks: prompts of one conversation share more than the system prompt that all begin with. */
function affinityKey({ hashIds }: TraceRequest): string {
  return `${hashIds[1] ?? hashIds[0]}`;
}
