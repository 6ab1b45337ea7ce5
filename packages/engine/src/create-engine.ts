import { KvMemory } from "@baton/kv-cache";
import { createScheduler, type SchedulerLimits } from "@baton/scheduler";
import { Engine } from "./engine.ts";
import type { EngineApi } from "./engine-api.ts";
import type { RunnerSpec } from "./runner-spec.ts";
import type { StepRecord } from "./step-record.ts";
import { StepThread } from "./step-thread.ts";

/** What an engine runs, and how much at once. */
export interface EngineOptions {
  readonly runner: RunnerSpec;
  /** Blocks of KV memory; each has `kvBytesPerBlock(runner.info.layout)` bytes. */
  readonly kvBlocks: number;
  readonly limits: SchedulerLimits;
  /** Told of every step that was executed, for metrics; must not throw. */
  readonly onStep?: (step: StepRecord) => void;
}

/**
 * Starts an engine with its thread; resolves once the runner's graphs are loaded.
 * @throws BatonError when the thread cannot start or a graph cannot be loaded
 */
export async function createEngine(options: EngineOptions): Promise<EngineApi> {
  const { runner, kvBlocks, limits, onStep } = options;
  const memory = new KvMemory(runner.info.layout, kvBlocks);
  const scheduler = createScheduler(limits, { blocks: kvBlocks, blockSize: runner.info.layout.blockSize });
  const thread = await StepThread.start({ runner, kvBlocks, kvBuffer: memory.buffer });
  return new Engine({ info: runner.info, memory, scheduler, thread, onStep });
}
