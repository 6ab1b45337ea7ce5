/** Takes any candidate, each with the same chance. */
import type { WorkerPicker } from "../routing-policy.ts";

/** @param random uniform in [0, 1) */
export function atRandom(random: () => number): WorkerPicker {
  return (candidates) => candidates[Math.floor(random() * candidates.length)]!;
}
