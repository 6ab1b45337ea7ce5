/** Owns the order in which the parts of a step are computed: moves, admissions, prefills, decodes. */
import { BatonError, type Clock } from "@baton/core";
import type { PrefillChunk, PrefillOutcome, SlotMove, StepOutcome, StepPlan } from "@baton/scheduler";
import type { ModelRunner } from "./model-runner.ts";
import { sample } from "./sampler.ts";

/** Computes one plan. Rejects if any part fails; the step then has no outcome. */
export async function executeStep(runner: ModelRunner, plan: StepPlan, clock: Clock): Promise<StepOutcome> {
  for (const { from, to } of plan.moves) runner.move(from, to, tokensOfMove(plan, { from, to }));
  for (const { slot, blocks, tokenCount } of plan.admissions) runner.admit(slot, blocks, tokenCount);
  const prefills: PrefillOutcome[] = [];
  for (const chunk of plan.prefills) prefills.push(await executeChunk(runner, chunk, clock));
  const decodeStartedAt = clock.now();
  const decodes = await executeBatch(runner, plan);
  const decodeEndedAt = decodes.length === 0 ? decodeStartedAt : clock.now();
  return { stepId: plan.stepId, prefills, decodes, decodeStartedAt, decodeEndedAt };
}

async function executeChunk(runner: ModelRunner, chunk: PrefillChunk, clock: Clock): Promise<PrefillOutcome> {
  const startedAt = clock.now();
  const logits = await runner.prefill(chunk);
  if (!chunk.sample) return { startedAt, endedAt: clock.now() };
  return { tokenId: sample(logits, chunk.sample), startedAt, endedAt: clock.now() };
}

async function executeBatch(runner: ModelRunner, plan: StepPlan): Promise<readonly number[]> {
  if (plan.decodes.length === 0) return [];
  const logits = await runner.decode(plan.decodes);
  const { vocabSize } = runner.info;
  return plan.decodes.map((entry, row) =>
    sample(logits.subarray(row * vocabSize, (row + 1) * vocabSize), entry.sample),
  );
}

/** What is moved takes part in the step's batch, whose entry says how many tokens its slot holds. */
function tokensOfMove(plan: StepPlan, move: SlotMove): number {
  const entry = plan.decodes[move.to];
  if (entry) return entry.position;
  const batch = `a batch of ${plan.decodes.length}`;
  throw new BatonError("internal", `Cannot move slot "${move.from}": target ${move.to} is outside ${batch}`);
}
