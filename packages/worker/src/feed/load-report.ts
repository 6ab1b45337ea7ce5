import type { LoadReport } from "@baton/core";
import type { SchedulerStatus } from "@baton/scheduler";

/** How busy a worker is, in the figures that routers ask for. */
export function loadReport(status: SchedulerStatus): LoadReport {
  return {
    waitingTokens: status.waitingTokens,
    usedBlocks: status.blocks.used,
    runningSequences: status.prefilling + status.running,
    waitingSequences: status.waiting + status.receiving + status.ready,
  };
}
