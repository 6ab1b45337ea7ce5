/** `/workers`: who serves in this cluster, how they are, and what operators may do with them. */
import { systemClock, type WorkerRecord } from "@baton/core";
import type { RefusedWorker } from "@baton/registry";
import type { Circuit, RoutableWorker, WorkerView } from "@baton/routing";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { WorkerAdmin } from "../../worker-admin.ts";
import { bodyObject, parseFields } from "../schemas/parse-body.ts";

export interface WorkersParts {
  readonly view: () => WorkerView;
  /** Those that are in a shared registry, and are left out. */
  readonly refused: () => readonly RefusedWorker[];
  readonly circuitOf: (worker: WorkerRecord) => Circuit["kind"];
  readonly admin: WorkerAdmin;
  /** Version of Baton. */
  readonly version: string;
}

interface OfWorker {
  readonly Params: { readonly id: string };
}

export const drainBody = z.strictObject({
  deadline_ms: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .nullish(),
});

const ADMIN = { config: { admin: true } } as const;

export function addWorkers(
  app: FastifyInstance,
  { view, refused, circuitOf, admin, version }: WorkersParts,
): void {
  app.get("/workers", ADMIN, () => ({
    object: "list",
    data: view().map((worker) => ({ ...workerObject(worker.record), ...condition(worker, circuitOf) })),
    refused: refused(),
    router: { version, time_ms: systemClock.now() },
  }));
  app.post<OfWorker>("/workers/:id/drain", ADMIN, async ({ params: { id }, body }) => {
    const { deadline_ms } = parseFields(drainBody, bodyObject(body ?? {}));
    const running = await admin.drain(id, deadline_ms == null ? {} : { deadlineMs: deadline_ms });
    return { id, state: "draining", running };
  });
  app.delete<OfWorker>("/workers/:id/drain", ADMIN, async ({ params: { id } }) => {
    await admin.resume(id);
    return { id, state: "serving" };
  });
  app.delete<OfWorker>("/workers/:id", ADMIN, async ({ params: { id } }) => {
    const { worker, untold } = await admin.remove(id);
    return {
      id,
      epoch: worker.epoch,
      removed: true,
      told: !untold,
      ...(untold && { reason: untold.message }),
    };
  });
}

/** A worker's record as the API shows it. */
export function workerObject(worker: WorkerRecord) {
  const { id, epoch, role, state, grpcAddress, kvAddress, model, layout, capacity } = worker;
  return {
    id,
    epoch,
    role,
    state,
    grpc_address: grpcAddress,
    kv_address: kvAddress ? `${kvAddress.host}:${kvAddress.port}` : null,
    model,
    model_hash: layout.modelHash,
    block_size: layout.blockSize,
    kv_blocks: capacity.kvBlocks,
    max_running: capacity.maxRunning,
    max_model_tokens: capacity.maxModelTokens,
  };
}

/** How busy this router keeps the worker, and how well it takes it to be. */
function condition({ record, load, impaired }: RoutableWorker, circuitOf: WorkersParts["circuitOf"]) {
  return {
    load: {
      requests: load.requests,
      prefill_tokens: load.prefillTokens,
      decode_blocks: load.decodeBlocks,
    },
    circuit: circuitOf(record),
    impaired: impaired ?? null,
  };
}
