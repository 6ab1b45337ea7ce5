import type { WorkerRecord } from "@baton/core";

/** A copy of a record that nobody can change, to its depth. */
export function freezeRecord(record: WorkerRecord): WorkerRecord {
  return Object.freeze({
    ...record,
    layout: Object.freeze({ ...record.layout }),
    capacity: Object.freeze({ ...record.capacity }),
    ...(record.kvAddress && { kvAddress: Object.freeze({ ...record.kvAddress }) }),
  });
}
