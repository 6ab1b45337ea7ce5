import { BatonError } from "@baton/core";
import type { StepOutcome, StepPlan } from "./step-plan.ts";

/** Throws BatonError `internal` unless the outcome answers every entry of the plan. */
export function checkOutcome(plan: StepPlan, outcome: StepOutcome): void {
  check(plan, "step id", outcome.stepId, plan.stepId);
  check(plan, "number of prefills", outcome.prefills.length, plan.prefills.length);
  check(plan, "number of decodes", outcome.decodes.length, plan.decodes.length);
  plan.prefills.forEach(({ sample }, i) => {
    const { token, stopped } = outcome.prefills[i]!;
    if (sample === undefined || stopped) return;
    check(plan, `presence of the token of prefill ${i}`, token !== undefined, true);
  });
}

function check<T extends number | boolean>(plan: StepPlan, what: string, actual: T, expected: T): void {
  if (actual === expected) return;
  throw new BatonError(
    "internal",
    `Cannot commit step ${plan.stepId}: ${what} is ${actual}, expected ${expected}`,
  );
}
