import { silenceLibraries } from "@baton/config";
import { KvMemory } from "@baton/kv-cache";
import { createScheduler, type SchedulerLimits } from "@baton/scheduler";
import { Engine } from "./engine.ts";
import type { EngineApi } from "./engine-api.ts";
import { GrammarCache } from "./grammar/grammar-cache.ts";
import type { TokenVocabulary } from "./grammar/token-vocabulary.ts";
import { MockExecutor } from "./mock/mock-executor.ts";
import { PAGE_TOKENS } from "./pages/page-store.ts";
import type { PlanExecutor } from "./plan-executor.ts";
import type { MockSpec, RunnerSpec } from "./runner-spec.ts";
import type { StepRecord } from "./step-record.ts";
import { StepThread } from "./step-thread.ts";

/**
 * At 45 KiB a token 9 ms of a step. A prompt of 1,000 tokens waits two steps for its second token, and nobody else
 * notices it.
 */
const LOAD_TOKENS = 512;

/** What an engine runs, and how much at once. */
export interface EngineOptions {
  readonly runner: RunnerSpec | MockSpec;
  /** Blocks of KV memory; each has `kvBytesPerBlock(runner.info.layout)` bytes. */
  readonly kvBlocks: number;
  /** The text of the model's tokens; without it no answer can be constrained. */
  readonly vocabulary?: TokenVocabulary | undefined;
  readonly limits: Omit<SchedulerLimits, "pageTokens" | "loadTokens">;
  /** Told of every step that was executed, for metrics; must not throw. */
  readonly onStep?: ((step: StepRecord) => void) | undefined;
}

/**
 * Starts an engine with its thread, which a mock does without; resolves once the runner's graphs are loaded.
 * @throws BatonError when the thread cannot start or a graph cannot be loaded
 */
export async function createEngine(options: EngineOptions): Promise<EngineApi> {
  const { runner, kvBlocks, vocabulary, limits, onStep } = options;
  const memory = new KvMemory(runner.info.layout, kvBlocks);
  const pool = { blocks: kvBlocks, blockSize: runner.info.layout.blockSize };
  const savesAnswers = !(runner.kind === "onnx" && runner.pageDtype === "int8");
  const paging = { pageTokens: PAGE_TOKENS, loadTokens: LOAD_TOKENS };
  const scheduler = createScheduler({ ...limits, ...paging }, pool, { savesAnswers });
  const { batchTokens } = limits;
  const executor = await startExecutor(runner, memory, batchTokens);
  const grammars = vocabulary && new GrammarCache(vocabulary);
  return new Engine({ info: runner.info, memory, scheduler, executor, grammars, onStep });
}

async function startExecutor(
  runner: RunnerSpec | MockSpec,
  memory: KvMemory,
  batchTokens: number,
): Promise<PlanExecutor> {
  if (runner.kind === "mock") return new MockExecutor(runner, memory);
  silenceLibraries(); // The thread loads ONNX Runtime.
  return StepThread.start({ runner, kvBlocks: memory.blocks, kvBuffer: memory.buffer, batchTokens });
}
