/** Prefers workers with less work: blocks to compute and blocks held, whatever they cache. */
import type { Scorer } from "../routing-policy.ts";
import { costInputs } from "./cost-inputs.ts";

export const loadCost: Scorer = (workers, request) =>
  workers.map((worker) => {
    const inputs = costInputs(worker, request);
    return { ...inputs, total: inputs.activePrefillBlocks + inputs.activeDecodeBlocks };
  });
