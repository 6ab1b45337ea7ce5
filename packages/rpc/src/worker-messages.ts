/** WorkerRecord ↔ WorkerAnnouncement. Incoming announcements are checked. */
import {
  KV_DTYPE_BYTES,
  type KvDtype,
  type KvLayout,
  type WorkerRecord,
  type WorkerRole,
  type WorkerState,
  workerId,
} from "@baton/core";
import { inRange, MAX_ID_LENGTH, MAX_UINT32, oneOf, present, text } from "./fields.ts";
import type { KvLayout__Output as IncomingLayout } from "./generated/baton/v1/KvLayout.ts";
import type {
  WorkerAnnouncement,
  WorkerAnnouncement__Output,
} from "./generated/baton/v1/WorkerAnnouncement.ts";

const WORKER_ROLES: readonly WorkerRole[] = ["prefill", "decode", "aggregated"];
export const WORKER_STATES: readonly WorkerState[] = ["starting", "serving", "draining"];
const KV_DTYPES = Object.keys(KV_DTYPE_BYTES) as KvDtype[];

export function toAnnouncement(record: WorkerRecord): WorkerAnnouncement {
  const { id, epoch, role, state, grpcAddress, kvAddress, model, layout, capacity, kvHashSeed } = record;
  return {
    id,
    epoch,
    role,
    state,
    grpcAddress,
    ...(kvAddress && { kvHost: kvAddress.host, kvPort: kvAddress.port }),
    model,
    layout,
    ...capacity,
    ...(kvHashSeed !== undefined && { kvHashSeed }),
  };
}

/** @throws BatonError `invalid_argument` naming the field. */
export function fromAnnouncement(message: WorkerAnnouncement__Output): WorkerRecord {
  const role = oneOf("role", message.role, WORKER_ROLES);
  return {
    id: workerId(text("id", message.id, MAX_ID_LENGTH)),
    epoch: text("epoch", message.epoch, MAX_ID_LENGTH),
    role,
    state: oneOf("state", message.state, WORKER_STATES),
    grpcAddress: text("grpc_address", message.grpcAddress, MAX_ID_LENGTH),
    ...(role === "prefill" && { kvAddress: fromKvAddress(message) }),
    model: text("model", message.model, MAX_ID_LENGTH),
    layout: fromWireLayout(present("layout", message.layout)),
    capacity: {
      kvBlocks: positive("kv_blocks", message.kvBlocks),
      maxRunning: positive("max_running", message.maxRunning),
      maxModelTokens: positive("max_model_tokens", message.maxModelTokens),
    },
    ...(message.kvHashSeed !== undefined && { kvHashSeed: message.kvHashSeed }),
  };
}

function fromKvAddress(message: WorkerAnnouncement__Output) {
  return {
    host: text("kv_host", message.kvHost, MAX_ID_LENGTH),
    port: inRange("kv_port", message.kvPort, 1, 65535),
  };
}

function fromWireLayout(message: IncomingLayout): KvLayout {
  return {
    layers: positive("layout.layers", message.layers),
    kvHeads: positive("layout.kv_heads", message.kvHeads),
    headDim: positive("layout.head_dim", message.headDim),
    dtype: oneOf("layout.dtype", message.dtype, KV_DTYPES),
    blockSize: positive("layout.block_size", message.blockSize),
    modelHash: text("layout.model_hash", message.modelHash, MAX_ID_LENGTH),
  };
}

function positive(field: string, value: number): number {
  return inRange(field, value, 1, MAX_UINT32);
}
