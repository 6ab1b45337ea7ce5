/** Prefers nobody: for pickers that do not look at costs. The inputs are still there to be traced. */
import type { Scorer } from "../routing-policy.ts";
import { costInputs } from "./cost-inputs.ts";

export const noCost: Scorer = (workers, request) =>
  workers.map((worker) => ({ ...costInputs(worker, request), total: 0 }));
