/** Workers for tests, with what matters to the test and harmless values for the rest. */
import { type LoadReport, type WorkerRecord, workerId } from "@baton/core";
import type { RoutableWorker, WorkerLoad } from "../worker-view.ts";

export const BLOCK_SIZE = 16;

/** Of a worker that has nothing to do. */
export const IDLE_REPORT: LoadReport = Object.freeze({
  waitingTokens: 0,
  usedBlocks: 0,
  runningSequences: 0,
  waitingSequences: 0,
});

export interface WorkerDifferences extends Partial<Omit<RoutableWorker, "record" | "load">> {
  readonly role?: WorkerRecord["role"];
  readonly state?: WorkerRecord["state"];
  readonly load?: Partial<WorkerLoad>;
}

export function routableWorker(id: string, differences: WorkerDifferences = {}): RoutableWorker {
  const { role = "prefill", state = "serving", load, ...rest } = differences;
  return {
    record: workerRecord(id, role, state),
    load: { requests: 0, prefillTokens: 0, decodeBlocks: 0, ...load },
    ...rest,
  };
}

function workerRecord(id: string, role: WorkerRecord["role"], state: WorkerRecord["state"]): WorkerRecord {
  return {
    id: workerId(id),
    epoch: "e1",
    role,
    state,
    grpcAddress: "127.0.0.1:1",
    model: "demo",
    layout: { layers: 2, kvHeads: 2, headDim: 8, dtype: "float32", blockSize: BLOCK_SIZE, modelHash: "aa" },
    capacity: { kvBlocks: 100, maxRunning: 8, maxModelTokens: 4096 },
  };
}
