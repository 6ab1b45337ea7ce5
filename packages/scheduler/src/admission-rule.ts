import { BatonError, blocksFor } from "@baton/core";
import type { BlockPool } from "@baton/kv-cache";
import { pagesFor } from "./pages-for.ts";
import type { SchedulerLimits } from "./scheduler-api.ts";
import type { SequenceSpec } from "./sequence-spec.ts";

/** Throws RangeError unless every limit is a whole number of at least 1. */
export function checkLimits(limits: SchedulerLimits): void {
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new RangeError(
      `Cannot create a scheduler: ${name} is ${value}, expected a whole number of at least 1`,
    );
  }
}

/** Throws BatonError `invalid_argument` if the sequence could never finish under these limits. */
export function checkSpec(spec: SequenceSpec, limits: SchedulerLimits, pool: BlockPool): void {
  const prompt = spec.promptTokenIds.length;
  const answered = spec.answeredTokenIds?.length ?? 0;
  const { maxTokens } = spec.sampling;
  if (prompt === 0) refuse(spec, "its prompt is empty, expected at least 1 token");
  if (!(maxTokens >= 1)) refuse(spec, `maxTokens is ${maxTokens}, expected at least 1`);
  if (answered >= maxTokens) refuse(spec, `${answered} of ${maxTokens} tokens are answered, expected fewer`);
  if (prompt + maxTokens > limits.maxModelTokens) {
    const length = `prompt and answer are ${prompt} + ${maxTokens} tokens`;
    refuse(spec, `${length}, expected at most ${limits.maxModelTokens}`);
  }
  // What decodes may be retracted, and is then computed again with its answer so far.
  const isPrompt = spec.goal === "prefill";
  const blocks = blocksFor(prompt + (isPrompt ? answered : maxTokens - 1), pool.blockSize);
  if (blocks > pool.blocks) {
    refuse(
      spec,
      `its ${isPrompt ? "prompt" : "tokens"} may need ${blocks} blocks, expected at most ${pool.blocks}`,
    );
  }
  const pages = pagesFor(prompt + maxTokens - 1, limits.pageTokens);
  const room = Math.floor(limits.batchTokens / limits.pageTokens);
  if (!isPrompt && pages > room) {
    refuse(spec, `it may need ${pages} pages of decode memory, expected at most ${room}`);
  }
}

function refuse(spec: SequenceSpec, problem: string): never {
  throw new BatonError("invalid_argument", `Cannot accept sequence "${spec.id}": ${problem}`);
}
