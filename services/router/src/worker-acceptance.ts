/** Which workers may join: those whose tokens and KV blocks mean the same as everybody else's. */
import { BatonError, kvLayoutDifference, type WorkerRecord } from "@baton/core";

/** What the router serves. */
export interface ServedModel {
  /** The model's name in the API. */
  readonly name: string;
  /** Hash of the checkpoint, and the format of its weights. */
  readonly hash: string;
}

/**
 * Refuses a worker of another model, and one whose KV layout differs from that of the workers already there: a
 * hand-over between them could only fail.
 * @throws BatonError `kv_mismatch` naming both values.
 */
export function assertAcceptable(
  worker: WorkerRecord,
  model: ServedModel,
  present: readonly WorkerRecord[],
): void {
  if (worker.layout.modelHash !== model.hash) {
    throw refused(worker, `its model hash is "${worker.layout.modelHash}", expected "${model.hash}"`);
  }
  if (worker.model !== model.name) {
    throw refused(worker, `it serves "${worker.model}", expected "${model.name}"`);
  }
  const other = present.find(({ id }) => id !== worker.id);
  const difference = other && kvLayoutDifference(other.layout, worker.layout);
  if (difference) {
    const { field, ours, theirs } = difference;
    throw refused(worker, `its ${field} is ${theirs}, expected ${ours} as on "${other.id}"`);
  }
}

function refused(worker: WorkerRecord, problem: string): BatonError {
  return new BatonError("kv_mismatch", `Cannot accept worker "${worker.id}": ${problem}`);
}
