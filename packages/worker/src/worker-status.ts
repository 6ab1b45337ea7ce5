import { version } from "@baton/config";
import { systemClock, type WorkerId, type WorkerState } from "@baton/core";
import type { KvTransferStatus } from "@baton/kv-transfer";
import type { WorkerStatus } from "@baton/rpc";
import type { SchedulerStatus } from "@baton/scheduler";

/** Read once: the status is asked for often. */
const VERSION = version();

/** The parts that a worker's status is made of. */
export interface StatusParts {
  readonly id: WorkerId;
  readonly epoch: string;
  readonly state: WorkerState;
  readonly scheduler: SchedulerStatus;
  readonly kv: KvTransferStatus;
  readonly openSpans: number;
}

/** What the worker holds at this moment, for operators and tests. */
export function workerStatus(parts: StatusParts): WorkerStatus {
  const { scheduler, kv } = parts;
  const memory = process.memoryUsage();
  return {
    id: parts.id,
    epoch: parts.epoch,
    state: parts.state,
    sequences: {
      waiting: scheduler.waiting,
      prefilling: scheduler.prefilling,
      holding: scheduler.holding,
      receiving: scheduler.receiving,
      ready: scheduler.ready,
      running: scheduler.running,
    },
    blocks: scheduler.blocks,
    prefixCache: scheduler.prefixCache,
    rooms: {
      bootstrapping: kv.rooms.bootstrapping,
      waitingForInput: kv.rooms.waiting_for_input,
      transferring: kv.rooms.transferring,
    },
    kvConnections: kv.connections,
    openSpans: parts.openSpans,
    activeResources: countByKind(process.getActiveResourcesInfo()),
    rssBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    timeMs: systemClock.now(),
    version: VERSION,
  };
}

function countByKind(kinds: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
