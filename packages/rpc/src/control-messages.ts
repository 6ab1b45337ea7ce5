/** WorkerStatus ↔ its message. */
import type { WorkerStatus } from "./control-service.ts";
import { oneOf } from "./fields.ts";
import type {
  WorkerStatus__Output as IncomingStatus,
  WorkerStatus as WireStatus,
} from "./generated/baton/v1/WorkerStatus.ts";
import { WORKER_STATES } from "./worker-messages.ts";

export function toWireStatus(status: WorkerStatus): WireStatus {
  const { id, epoch, state, sequences, blocks, rooms, prefixCache } = status;
  return {
    id,
    epoch,
    state,
    ...sequences,
    blocksTotal: blocks.total,
    blocksFree: blocks.free,
    blocksCached: blocks.cached,
    blocksUsed: blocks.used,
    roomsBootstrapping: rooms.bootstrapping,
    roomsWaitingForInput: rooms.waitingForInput,
    roomsTransferring: rooms.transferring,
    kvConnections: status.kvConnections,
    openSpans: status.openSpans,
    activeResources: status.activeResources,
    rssBytes: String(status.rssBytes),
    heapUsedBytes: String(status.heapUsedBytes),
    prefixHitTokens: String(prefixCache.hitTokens),
    prefixMissTokens: String(prefixCache.missTokens),
    timeMs: status.timeMs ?? 0,
    version: status.version ?? "",
  };
}

/** @throws BatonError `invalid_argument` for a state that this version does not know. */
export function fromWireStatus(message: IncomingStatus): WorkerStatus {
  const { id, epoch, waiting, prefilling, holding, receiving, ready, running } = message;
  return {
    id,
    epoch,
    state: oneOf("state", message.state, WORKER_STATES),
    sequences: { waiting, prefilling, holding, receiving, ready, running },
    blocks: {
      total: message.blocksTotal,
      free: message.blocksFree,
      cached: message.blocksCached,
      used: message.blocksUsed,
    },
    rooms: {
      bootstrapping: message.roomsBootstrapping,
      waitingForInput: message.roomsWaitingForInput,
      transferring: message.roomsTransferring,
    },
    kvConnections: message.kvConnections,
    openSpans: message.openSpans,
    activeResources: message.activeResources,
    rssBytes: Number(message.rssBytes),
    heapUsedBytes: Number(message.heapUsedBytes),
    prefixCache: {
      hitTokens: Number(message.prefixHitTokens),
      missTokens: Number(message.prefixMissTokens),
    },
    timeMs: message.timeMs || undefined,
    version: message.version || undefined,
  };
}
