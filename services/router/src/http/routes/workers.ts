/** `GET /workers`: who serves in this cluster, for operators and for `baton doctor`. */
import { systemClock, type WorkerRecord } from "@baton/core";
import type { FastifyInstance } from "fastify";

export interface WorkersParts {
  readonly workers: () => readonly WorkerRecord[];
  /** Version of Baton. */
  readonly version: string;
}

export function addWorkers(app: FastifyInstance, { workers, version }: WorkersParts): void {
  app.get("/workers", { config: { admin: true } }, () => ({
    object: "list",
    data: workers().map(workerObject),
    router: { version, time_ms: systemClock.now() },
  }));
}

/** A worker as the API shows it. */
export function workerObject({ id, epoch, role, state, grpcAddress, model, layout, capacity }: WorkerRecord) {
  return {
    id,
    epoch,
    role,
    state,
    grpc_address: grpcAddress,
    model,
    model_hash: layout.modelHash,
    block_size: layout.blockSize,
    kv_blocks: capacity.kvBlocks,
  };
}
