/** Which workers may join: those whose tokens and KV blocks mean the same as everybody else's. */
import { BatonError, kvLayoutDifference, type WorkerRecord } from "@baton/core";
import { BLOCK_HASH_SEED } from "@baton/kv-cache";

/** What the router serves. */
export interface ServedModel {
  /** The model's name in the API. */
  readonly name: string;
  /** Hash of the checkpoint, and the format of its weights. */
  readonly hash: string;
}

/**
 * Refuses a worker of another model, one whose KV layout differs from that of the workers already there, as a
 * hand-over between them could only fail, and one whose names of blocks the router could not compare with its own.
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
  const { kvHashSeed } = worker;
  if (kvHashSeed !== undefined && BigInt(kvHashSeed) !== BLOCK_HASH_SEED) {
    throw refused(worker, `it hashes blocks with the seed ${kvHashSeed}, expected ${BLOCK_HASH_SEED}`);
  }
  const other = present.find(({ id }) => id !== worker.id);
  const difference = other && kvLayoutDifference(other.layout, worker.layout);
  if (difference) {
    const { field, ours, theirs } = difference;
    throw refused(worker, `its ${field} is ${theirs}, expected ${ours} as on "${other.id}"`);
  }
}

/**
 * Refuses a worker of a shared registry that could not be spoken to: it has certificates and the router has none, or the
 * other way round.
 * @throws BatonError `kv_mismatch`
 */
export function assertSameSecurity({ tls = false, ...worker }: WorkerRecord, ours: boolean): void {
  if (tls === ours) return;
  const [its, expected] = ours
    ? ["speaks no TLS", "BATON_TLS_CERT_FILE there"]
    : ["speaks TLS", "it here too"];
  throw refused(worker, `it ${its}, expected ${expected}`);
}

function refused(worker: Pick<WorkerRecord, "id">, problem: string): BatonError {
  return new BatonError("kv_mismatch", `Cannot accept worker "${worker.id}": ${problem}`);
}
