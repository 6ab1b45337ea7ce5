/** A worker's announcement as it is kept in Redis and published on the channel. */
import type { WorkerRecord } from "@baton/core";

export interface Announcement {
  readonly id: WorkerRecord["id"];
  readonly epoch: string;
  /** Grows with every announcement of one epoch: a larger one is the sign of life. */
  readonly beat: number;
  /** The worker has said goodbye. */
  readonly gone: boolean;
  /** The record as JSON text: equal texts are equal records. */
  readonly record: string;
}

/** Reads an announcement; undefined for what is none. */
export function parseAnnouncement(text: string): Announcement | undefined {
  const value = parseObject(text);
  if (!value) return undefined;
  const { id, epoch, record } = value;
  const beat = Number(value.beat);
  if (typeof id !== "string" || typeof epoch !== "string" || typeof record !== "string") return undefined;
  if (!Number.isSafeInteger(beat)) return undefined;
  return { id: id as WorkerRecord["id"], epoch, beat, gone: value.gone === true, record };
}

/** Reads the record of an announcement; undefined if it is none of this version of Baton, or of another worker. */
export function parseRecord({ id, epoch, record }: Announcement): WorkerRecord | undefined {
  const value = parseObject(record);
  if (!value || value.id !== id || value.epoch !== epoch) return undefined;
  const texts = ["role", "state", "grpcAddress", "model"].every((field) => typeof value[field] === "string");
  const objects = ["layout", "capacity"].every((field) => isObject(value[field]));
  return texts && objects ? (value as unknown as WorkerRecord) : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
