/** `GET /get_loads`, as SGLang has it: what each worker holds now, by its own account and by this router's. */
import { isBatonError } from "@baton/core";
import type { WorkerView } from "@baton/routing";
import type { WorkerStatus } from "@baton/rpc";
import type { FastifyInstance } from "fastify";
import type { WorkerAdmin } from "../../worker-admin.ts";

export interface LoadsParts {
  readonly view: () => WorkerView;
  readonly admin: Pick<WorkerAdmin, "statuses">;
}

export function addGetLoads(app: FastifyInstance, { view, admin }: LoadsParts): void {
  app.get("/get_loads", { config: { admin: true } }, async () => {
    const statuses = await admin.statuses();
    const routed = new Map(view().map(({ record, load }) => [record.id, load.requests]));
    return {
      object: "list",
      data: statuses.map(([{ id, role, layout }, status]) => ({
        id,
        role,
        router_reqs: routed.get(id) ?? 0,
        ...(isBatonError(status) ? { error: status.message } : loadObject(status, layout.blockSize)),
      })),
    };
  });
}

/** What waits, what computes, and between the two what is on its way from worker to worker. */
function loadObject({ state, sequences, blocks }: WorkerStatus, blockSize: number) {
  const { waiting, prefilling, holding, receiving, ready, running } = sequences;
  return {
    state,
    num_reqs: waiting + prefilling + holding + receiving + ready + running,
    num_waiting_reqs: waiting + ready,
    num_running_reqs: prefilling + running,
    num_transferring_reqs: holding + receiving,
    // As many as the blocks that sequences hold have room for.
    num_tokens: blocks.used * blockSize,
    blocks,
    token_usage: blocks.total === 0 ? 0 : blocks.used / blocks.total,
  };
}
